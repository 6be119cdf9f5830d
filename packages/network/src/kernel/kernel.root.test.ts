import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { after, test } from 'node:test';
import { codeOf, messageOf } from '@kraud/base';
import { insideOwnWorld, sh } from '../testing/world.ts';
import { IpBatch } from './ip-batch.ts';
import { Nft } from './nft.ts';

if (insideOwnWorld(import.meta.filename)) {
  const options = { idleMs: 60_000, timeoutMs: 5_000 };
  const ip = new IpBatch('host', options);
  const nft = new Nft(options);

  after(() => {
    ip.close();
    nft.close();
  });

  test('a failing command is named, the others are carried out, and the next batch works', async () => {
    const commands = [
      { line: 'link add d0 type veth peer name d1' },
      { line: 'link set dev nowhere up' },
      { line: 'link set dev d0 up' },
    ];
    await assert.rejects(ip.run(commands), (error) => {
      assert.match(messageOf(error), /ip link set dev nowhere up: Cannot find device "nowhere"/);
      return codeOf(error) === 'internal';
    });
    assert.match(sh('ip link show d0'), /[<,]UP[,>]/);
    await ip.run([{ line: 'link set dev nowhere up', tolerate: /Cannot find device/ }]);
    await ip.run([{ line: 'link del dev d0' }]);
  });

  test('many batches at once keep their order and their failures apart', async () => {
    const results = await Promise.allSettled(
      Array.from({ length: 40 }, (_, i) =>
        ip.run([{ line: i % 2 === 0 ? `route replace 10.7.0.${i}/32 dev lo` : `link set dev no${i} up` }]),
      ),
    );
    results.forEach((result, i) => {
      assert.equal(result.status, i % 2 === 0 ? 'fulfilled' : 'rejected');
      if (result.status === 'rejected') assert.match(messageOf(result.reason), new RegExp(`no${i}"`));
    });
  });

  test('a helper that is killed is replaced', async () => {
    await ip.warm();
    sh(`kill -9 $(pgrep -P ${process.pid} -x ip)`);
    await ip.run([{ line: 'route replace 10.8.0.1/32 dev lo' }]);
    assert.match(sh('ip route'), /10\.8\.0\.1/);
  });

  test('rules are all applied or none, however many', async () => {
    const ports = Array.from({ length: 20_000 }, (_, i) => `tcp . ${i + 1}`);
    const table = [
      'add table inet q',
      'add set inet q s { type inet_proto . inet_service; }',
      'flush set inet q s',
    ];
    await nft.apply([...table, `add element inet q s { ${ports.join(', ')} }`]);
    assert.equal(sh('nft list table inet q').match(/tcp \. /g)?.length, 20_000);
    const bad = nft.apply([...table, 'add rule inet q nowhere accept']);
    await assert.rejects(bad, (e) => /No such file or directory/.test(messageOf(e)));
    assert.equal(sh('nft list table inet q').match(/tcp \. /g)?.length, 20_000);
    await assert.rejects(nft.apply(['add nonsense']), (e) => /syntax error/.test(messageOf(e)));
    await nft.apply(['delete table inet q']);
    assert.equal(sh('nft list tables'), '');
    assert.equal(existsSync('/.nft.history'), false);
  });
}
