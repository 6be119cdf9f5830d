import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { silentLogger, systemClock, systemRandom } from '@kraud/base';
import { put, watchUntil } from '../suite/world.ts';
import type { EtcdTls } from './endpoint.ts';
import { EtcdStore } from './etcd-store.ts';
import { TestCa } from './testing/certificates.ts';
import { TestEtcd } from './testing/test-etcd.ts';

const dir = mkdtempSync(join(tmpdir(), 'kraud-tls-'));
after(() => rmSync(dir, { recursive: true }));

test('by TLS on both sides; without our certificate, or from a stranger, nothing is served', async () => {
  const ca = new TestCa(dir);
  const ours = ca.issue('client');
  const known: EtcdTls = {
    ca: readFileSync(ours.ca),
    cert: readFileSync(ours.cert),
    key: readFileSync(ours.key),
  };
  await using etcd = await TestEtcd.start({ tls: { server: ca.issue('server'), client: known } });
  await using store = await etcd.open();
  const revision = await put(store, '/a', 'x');
  await watchUntil(store, '/', revision, revision);
  const lease = await store.lease(60_000);
  await lease.keepAlive();

  const open = (tls: EtcdTls | undefined): Promise<EtcdStore> =>
    EtcdStore.open({
      address: etcd.address(),
      tls,
      clock: systemClock,
      random: systemRandom,
      logger: silentLogger,
      limits: { requestTimeoutMs: 1000 },
    });
  await assert.rejects(open(undefined), { code: 'unavailable' });
  await assert.rejects(open({ ca: known.ca }), { code: 'unavailable' });
  // The member is signed for by another than whom we trust.
  await assert.rejects(
    open({ ...known, ca: readFileSync(new TestCa(mkdtempSync(join(dir, 'x-'))).issue('a').ca) }),
    {
      code: 'unavailable',
    },
  );
});
