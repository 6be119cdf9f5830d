import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { image, type TestCloud } from './harness/cloud.ts';
import { eventually } from './harness/command.ts';
import { type Pair, startPair } from './harness/pair.ts';

/** Two hosts on two machines, with a task of `web` on each, and a container on each that asks for it. */
const scratch = mkdtempSync(join(tmpdir(), 'kraud-virtual-'));
const patienceMs = 180_000;
let pair: Pair;
let near: TestCloud;
let far: TestCloud;

before(async () => {
  pair = await startPair(scratch, 10_000);
  ({ near, far } = pair);
  await near.ok(['swarm', 'init']);
});

after(async () => {
  await near?.docker(['service', 'rm', 'web'], { timeoutMs: patienceMs }).catch(() => {});
  await pair?.stop();
  rmSync(scratch, { recursive: true, force: true });
});

const ask = async (client: string): Promise<string> =>
  (
    await near.docker(['exec', client, 'wget', '-q', '-O', '-', 'http://web/'], { timeoutMs: patienceMs })
  ).stdout.trim();

/** Until asking twice, one after the other, is answered by these. */
const answeredBy = (client: string, ...hosts: string[]): Promise<unknown> =>
  eventually(
    `${client} is answered by ${hosts.join(' and ')}`,
    async () => [await ask(client), await ask(client)].sort().join() === hosts.join(),
    patienceMs,
  );

test('one address leads to the tasks of all hosts, from each of them', async () => {
  await near.ok(['network', 'create', '-d', 'overlay', '--attachable', 'front']);
  for (const host of ['near', 'far']) {
    const place = ['--label', `kr.host=${host}`, '--name', `on-${host}`, '--network', 'front'];
    await near.ok(['run', '-d', ...place, image, 'sleep', '100000'], { timeoutMs: patienceMs });
  }
  const serve = 'mkdir /www; cd /www; hostname > index.html; exec httpd -f';
  await near.ok(
    ['service', 'create', '-d', '--name', 'web', '--mode', 'global', '--network', 'front']
      .concat(['--hostname', '{{.Node.Hostname}}', '--stop-grace-period', '1s'])
      .concat(['--health-cmd', 'wget -q -O /dev/null http://127.0.0.1/', '--health-interval', '1s'])
      .concat(['--health-timeout', '60s', image, 'sh', '-c', serve]),
  );
  await answeredBy('on-near', 'far', 'near');
  await answeredBy('on-far', 'far', 'near');
  for (const host of [near, far]) {
    const shown = await host.ok(['exec', 'on-far', 'nslookup', '-type=a', 'tasks.web']);
    assert.equal(shown.match(/^Name:/gm)?.length, 2);
  }
});

test('a host that dies is asked no more', async () => {
  await far.killDaemon();
  await far.killVmms();
  await answeredBy('on-near', 'near', 'near');
  await far.startDaemon();
  await answeredBy('on-near', 'far', 'near');
});
