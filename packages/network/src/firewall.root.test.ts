import assert from 'node:assert/strict';
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { silentLogger } from '@kraud/base';
import { Firewall } from './firewall.ts';
import { Nft } from './kernel/nft.ts';
import { insideOwnWorld, sh } from './testing/world.ts';

/** The real nft, which dies while a file is there. */
if (insideOwnWorld(import.meta.filename)) {
  const dir = mkdtempSync(join(tmpdir(), 'kraud-nft-'));
  const poison = join(dir, 'poison');
  const real = sh('command -v nft').trim();
  writeFileSync(
    join(dir, 'nft'),
    `#!/bin/sh\nif [ -e ${poison} ]; then kill -SEGV $$; fi\nexec ${real} "$@"\n`,
  );
  chmodSync(join(dir, 'nft'), 0o755);
  process.env.PATH = `${dir}:${process.env.PATH}`;
  let subnet = '10.1.0.0/16';
  const wanted = () => ({
    ...{ table: 'kraud-x', linkPrefix: 'kvx', ports: [], forwardPorts: true },
    networks: [{ subnet, internal: false }],
  });
  const firewall = new Firewall(wanted, new Nft({ idleMs: 60_000, timeoutMs: 5_000 }), {
    logger: silentLogger,
    retry: { retryMs: 20, retryMsMax: 200 },
  });
  const rules = () => sh(`${real} list table inet kraud-x`);
  const killNft = () => sh(`kill -9 $(pgrep -P ${process.pid} -x nft)`);

  after(async () => {
    await firewall.close();
    rmSync(dir, { recursive: true });
  });

  test('an nft that is killed is replaced, and its tables are there', async () => {
    await firewall.settled();
    for (subnet of ['10.2.0.0/16', '10.3.0.0/16']) {
      killNft();
      await firewall.settled();
      assert.ok(rules().includes(subnet));
    }
  });

  test('while it dies whatever it is told it is asked again, and the rules come by themselves once it lives', async () => {
    killNft();
    writeFileSync(poison, '');
    subnet = '10.4.0.0/16';
    await assert.rejects(firewall.settled(), { code: 'unavailable', message: /SIGSEGV.*newer nft/ });
    await firewall.refreshed();
    assert.match(rules(), /10\.3\.0\.0/);
    rmSync(poison);
    while (!rules().includes(subnet)) await sleep(20);
  });
}
