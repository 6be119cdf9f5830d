import assert from 'node:assert/strict';
import { get } from 'node:http';
import { after, afterEach, before, test } from 'node:test';
import { freePort } from '../bench/free-port.ts';
import { image, TestCloud } from './harness/cloud.ts';
import { eventually } from './harness/command.ts';

let cloud: TestCloud;
before(async () => {
  // No warm slots: what is a VM here is a pod's, and awake.
  cloud = await TestCloud.start({ cradle: { warmMax: 0, mouldsMax: 0 } });
});
after(() => cloud.stop());
afterEach(() => cloud.removeAll());

/** Serves the number that it counts up to, five times a second, in memory. */
const counts =
  'echo made > /made; mkdir -p /dev/shm/www; cd /dev/shm/www; (n=0; while :; do n=$((n+1)); echo $n > n.new; mv n.new n; sleep 0.2; done) & exec httpd -f -p 8080 -h /dev/shm/www';

async function kra(...args: string[]): Promise<string> {
  const { code, stdout, stderr } = await cloud.kra(...args);
  assert.equal(code, 0, `kra ${args.join(' ')}: ${stderr}`);
  return stdout.trim();
}

/** What a pod serves at a port of this host. */
function served(port: number): Promise<string> {
  return new Promise((resolve, reject) => {
    const request = get({ host: '127.0.0.1', port, path: '/n', agent: false }, (response) => {
      response.toArray().then((chunks) => resolve(Buffer.concat(chunks).toString().trim()), reject);
    });
    request.setTimeout(30_000, () => request.destroy(new Error('no answer within 30 s')));
    request.on('error', reject);
  });
}

interface Asleep {
  readonly Since: string;
  readonly Why: string;
}

const asleep = (id: string): Promise<Asleep | null> =>
  cloud.inspect<Asleep | null>(id, '{{json .Kraud.Asleep}}');

/** A pod that counts, and sleeps. */
async function sleeping(port: number, ...options: string[]): Promise<{ id: string; counted: number }> {
  const id = await cloud.sh(counts, ['-p', `${port}:8080`, ...options]);
  let counted = 0;
  await eventually('it counts', async () => {
    counted = Number(await served(port));
    return counted > 0;
  });
  await kra('sleep', id);
  return { id, counted };
}

test('a pod that sleeps has no VM, runs for everyone to see, and goes on where it was for its first visitor', async () => {
  const port = await freePort();
  const { id, counted } = await sleeping(port);
  assert.deepEqual(await cloud.vmms(), []);
  assert.match(await kra('host'), /^asleep +1$/m);
  assert.match(await cloud.ok(['ps', '--format', '{{.Status}}']), /^Up .* \(Asleep\)$/);
  assert.equal((await asleep(id))?.Why, 'somebody asked for it');
  const [first, since] = (await kra('why', id)).split('\n');
  assert.match(first ?? '', /: asleep$/);
  assert.match(since ?? '', /it is asleep since .*: somebody asked for it/);
  const stats = await cloud.ok(['stats', '--no-stream', '--format', '{{.PIDs}} {{.Name}}']);
  assert.match(stats, /^0 /);
  assert.deepEqual(await cloud.vmms(), [], 'who looks does not wake it');

  const now = Number(await served(port));
  assert.ok(now >= counted, `${now} after ${counted}: its memory is lost`);
  assert.equal((await cloud.vmms()).length, 1);
  await eventually('it is awake', async () => (await asleep(id)) === null);
  const ledger = await cloud.inspect<{ Phase?: string; phase?: string }[]>(id, '{{json .Kraud.Ledger}}');
  assert.ok(JSON.stringify(ledger).includes('"knock"'));
  const inside = Number(await cloud.ok(['exec', id, 'date', '+%s']));
  assert.ok(Math.abs(inside - Date.now() / 1000) < 5, 'its clock is right');
  await eventually('it counts on', async () => Number(await served(port)) > now);
});

test('who asks all the time loses nothing while it falls asleep again and again', async () => {
  const port = await freePort();
  const { id } = await sleeping(port);
  let [asked, over] = [0, false];
  const clients = [1, 2, 3].map(async () => {
    let last = 0;
    for (; !over; asked += 1) {
      const now = Number(await served(port));
      assert.ok(now >= last, `${now} after ${last}`);
      last = now;
    }
  });
  for (let naps = 0; naps < 5; naps += 1) {
    await kra('sleep', id);
    const before = asked;
    // Those that it was about to answer wait for an answer, and wake nobody.
    await served(port);
    await eventually('it answers on', () => Promise.resolve(asked > before + 5));
  }
  over = true;
  await Promise.all(clients);
});

test('other pods wake it by its name, over and over', async () => {
  await cloud.ok(['network', 'create', 'n']);
  const port = await freePort();
  const { id } = await sleeping(port, '--network', 'n', '--name', 'web');
  const asks = ['run', '--rm', '--network', 'n', image, 'wget', '-qO-', 'http://web:8080/n'];
  for (let round = 0; round < 3; round += 1) {
    assert.ok(Number(await cloud.ok(asks)) > 0);
    await eventually('it is awake', async () => (await asleep(id)) === null);
    await kra('sleep', id);
  }
  await cloud.ok(['rm', '-f', 'web']);
  await cloud.ok(['network', 'rm', 'n']);
});

test('exec, top, cp, logs -f and a signal wake it', async () => {
  const port = await freePort();
  const { id } = await sleeping(port);
  const acts: readonly (readonly string[])[] = [
    ['exec', id, 'true'],
    ['top', id],
    ['cp', `${id}:/made`, '-'],
    ['kill', '-s', 'CONT', id],
    ['rename', id, 'other'],
    ['update', '--memory', '96m', id],
  ];
  for (const act of acts) {
    assert.ok(await asleep(id), `before ${act[0]}`);
    await cloud.ok(act);
    await eventually(`${act[0]} has woken it`, async () => (await asleep(id)) === null);
    await kra('sleep', id);
  }
  const logs = cloud.docker(['logs', '-f', id]);
  await eventually('logs -f has woken it', async () => (await asleep(id)) === null);
  await cloud.ok(['rm', '-f', id]);
  await logs;
});

test('kill -9 of the daemon: the next one finds it asleep, and it wakes', async () => {
  const port = await freePort();
  const { id, counted } = await sleeping(port);
  await cloud.killDaemon();
  await cloud.startDaemon();
  assert.ok(await asleep(id));
  assert.deepEqual(await cloud.vmms(), []);
  assert.ok(Number(await served(port)) >= counted);
  await kra('sleep', id);
  await cloud.stopDaemon();
  const waits = served(port);
  waits.catch(() => {});
  await cloud.startDaemon();
  assert.ok(Number(await served(port)) >= counted);
});

test('after a reboot, which leaves nothing of the network, it sleeps on and wakes', async () => {
  const port = await freePort();
  const { id, counted } = await sleeping(port);
  await cloud.clear();
  assert.deepEqual(await cloud.left(), []);
  await cloud.startDaemon();
  assert.ok(await asleep(id));
  assert.ok(Number(await served(port)) >= counted);
  await kra('sleep', id);
  assert.ok(Number(await served(port)) >= counted);
});

test('one that is idle falls asleep as its label says, one that computes or is used does not', async (t) => {
  const [port, busyPort] = [await freePort(), await freePort()];
  const label = ['--label', 'kr.sleep=2s'];
  const serves = 'mkdir /www; echo hi > /www/n; exec httpd -f -p 8080 -h /www';
  const idle = await cloud.sh(serves, ['-p', `${port}:8080`, ...label]);
  const computes = await cloud.sh('while :; do :; done', label);
  const asked = await cloud.sh(serves, ['-p', `${busyPort}:8080`, ...label]);
  const asking = setInterval(() => void served(busyPort).catch(() => {}), 300);
  t.after(() => clearInterval(asking));
  const used = cloud.docker(['exec', '-i', computes, 'cat'], { input: '' });
  await eventually('the idle one sleeps', async () => (await asleep(idle))?.Why === 'idle for 2 s', 60_000);
  await new Promise((resolve) => setTimeout(resolve, 3000));
  assert.deepEqual([await asleep(computes), await asleep(asked)], [null, null]);
  assert.equal(await served(port), 'hi');
  await eventually('it is awake', async () => (await asleep(idle)) === null);
  await eventually('it falls asleep again', async () => (await asleep(idle)) !== null, 60_000);
  clearInterval(asking);
  await used;
  await eventually('nobody asks any more', async () => (await asleep(asked)) !== null, 60_000);
});

test('a stop lets it end as it would have, a removal leaves its volume whole', async () => {
  const id = await cloud.sh('trap "echo bye; exit 3" TERM; while :; do sleep 0.1; done');
  await kra('sleep', id);
  await cloud.ok(['stop', id]);
  assert.equal(await cloud.inspect(id, '{{.State.ExitCode}}'), 3);
  assert.equal(await cloud.ok(['logs', id]), 'bye');
  await cloud.ok(['rm', id]);

  const writer = await cloud.sh('echo kept > /v/file; sleep 1000', ['-v', 'data:/v']);
  await eventually(
    'it is written',
    async () => (await cloud.ok(['exec', writer, 'cat', '/v/file'])) === 'kept',
  );
  await kra('sleep', writer);
  assert.equal(await cloud.ok(['run', '--rm', '-v', 'data:/v', image, 'cat', '/v/file']), 'kept');
  await eventually('nobody shares it', async () =>
    kra('sleep', writer).then(
      () => true,
      () => false,
    ),
  );
  await cloud.ok(['rm', '-f', writer]);
  assert.equal(await cloud.ok(['run', '--rm', '-v', 'data:/v', image, 'cat', '/v/file']), 'kept');
  await cloud.ok(['volume', 'rm', 'data']);
});

test('what can’t sleep says why, before anything is made', async () => {
  const bound = ['run', '-d', '--label', 'kr.sleep=1m', '-v', '/etc:/e', image, 'true'];
  await cloud.fails(bound, /kr\.sleep: a container with paths of the host \(\/e\) can't sleep/);
  await cloud.fails(['run', '-d', '--label', 'kr.sleep=soon', image, 'true'], /kr\.sleep: invalid duration/);
  assert.equal(await cloud.ok(['ps', '-aq']), '');
  const id = await cloud.sh('sleep 1000', ['-v', '/etc:/e:ro']);
  await assert.rejects(kra('sleep', id), /can't sleep: it has paths of the host/);
  await cloud.ok(['pause', id]);
  await assert.rejects(kra('sleep', id), /can't sleep: it is paused/);
  await cloud.ok(['rm', '-f', id]);
  await assert.rejects(kra('sleep', 'nobody'), /No such container: nobody/);
});
