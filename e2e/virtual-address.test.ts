import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { image } from './harness/cloud.ts';
import { eventually } from './harness/command.ts';
import { TestSwarm } from './harness/swarm.ts';

/** One service, `web`, and a plain container, `client`, on one network. Each task answers with its slot and its version. */
let swarm: TestSwarm;
before(async () => {
  swarm = await TestSwarm.start({ cradle: { warmMax: 2 } });
  await ok(['network', 'create', '-d', 'overlay', '--attachable', '--subnet', '10.216.0.0/24', 'front']);
  await swarm.cloud.sh('exec sleep 100000', ['--name', 'client', '--network', 'front']);
});
after(() => swarm.stop());

const ok: TestSwarm['cloud']['ok'] = (args, options) => swarm.cloud.ok(args, options);
const soon = ['--stop-grace-period', '1s', '--update-monitor', '1s'];
const serve = 'mkdir /www; echo "$SLOT v$V" > /www/index.html; exec httpd -f -p 80 -h /www';

/** All addresses that a container's resolver has for a name. */
async function resolve(name: string, from = 'client'): Promise<string[]> {
  const { stdout } = await swarm.cloud.docker(['exec', from, 'nslookup', '-type=a', name]);
  return [...stdout.matchAll(/^Name:.*\nAddress: ([\d.]+)$/gm)].map(([, address = '']) => address).sort();
}

async function get(name = 'web', from = 'client'): Promise<string> {
  const { stdout, stderr } = await swarm.cloud.docker([
    'exec',
    from,
    'wget',
    '-q',
    '-O',
    '-',
    `http://${name}/`,
  ]);
  return (stdout + stderr).trim();
}

const virtual = (service = 'web'): Promise<{ NetworkID: string; Addr: string }[] | null> =>
  swarm.inspect(service, '.Endpoint.VirtualIPs');

async function addressesOfTasks(): Promise<string[]> {
  const ids = (await ok(['ps', '-q', '--filter', 'label=com.docker.swarm.service.name=web'])).split('\n');
  const format = '{{(index .NetworkSettings.Networks "front").IPAddress}}';
  return (await ok(['inspect', '-f', format, ...ids])).split('\n').sort();
}

/** Both of the first two tasks answer. */
const bothAnswer = (from?: string): Promise<unknown> =>
  eventually(
    'both tasks answer',
    async () => {
      const said = [await get('web', from), await get('web', from)];
      return new Set(said).size === 2 && said.every((text) => /^[12] v\d$/.test(text));
    },
    120_000,
  );

test('a service has one address, which its names lead to, and which leads to its tasks in turn', async () => {
  await ok(
    [
      'service',
      'create',
      '-d',
      '--name',
      'web',
      '--replicas',
      '2',
      '--network',
      'name=front,alias=www',
      ...soon,
    ]
      .concat(['--env', 'SLOT={{.Task.Slot}}', '--env', 'V=1', '--update-order', 'start-first'])
      .concat(['--health-cmd', 'wget -q -O /dev/null http://127.0.0.1/', '--health-interval', '1s'])
      .concat(['--health-timeout', '60s', image, 'sh', '-c', serve]),
  );
  const [address] = await eventually('it has an address', async () => (await virtual()) ?? undefined);
  assert.equal(address?.Addr, '10.216.0.240/24');
  assert.equal(address?.NetworkID, await ok(['network', 'inspect', '-f', '{{.Id}}', 'front']));
  await swarm.runs('web', 2);
  await bothAnswer();
  for (const name of ['web', 'www', 'web.front'])
    assert.deepEqual(await resolve(name), ['10.216.0.240'], name);
  assert.deepEqual(await resolve('tasks.web'), await addressesOfTasks());
  assert.equal((await resolve('tasks.www')).length, 2);
  await ok(['exec', 'client', 'ping', '-c', '1', '-W', '10', 'web']);
  const [shown] = JSON.parse(await ok(['network', 'inspect', '--verbose', 'front']));
  assert.equal(shown.Services.web.VIP, '10.216.0.240');
  assert.deepEqual(
    shown.Services.web.Tasks.map(({ EndpointIP }: { EndpointIP: string }) => EndpointIP).sort(),
    await addressesOfTasks(),
  );
});

test('a task reaches its own service, itself too', async () => {
  const [task] = await swarm.runs('web', 2);
  await bothAnswer(`${task?.name}.${task?.id}`);
});

/** Asks it with a connection each time while something is done; what was said. None may fail. */
async function asking(done: () => Promise<unknown>): Promise<string> {
  const ask = 'rm -f /stop; while [ ! -e /stop ]; do wget -q -O - http://web/ || echo failed; done; exit 0';
  const said = swarm.cloud.docker(['exec', 'client', 'sh', '-c', ask], { timeoutMs: 300_000 });
  try {
    await done();
  } finally {
    await ok(['exec', 'client', 'touch', '/stop']);
  }
  const { stdout, stderr } = await said;
  assert.doesNotMatch(stdout + stderr, /failed/);
  return stdout;
}

const led = (tasks: number): Promise<unknown> =>
  eventually(`it leads to ${tasks}`, async () => (await resolve('tasks.web')).length === tasks, 60_000);

test('an update keeps the address, and who uses it sees no failure', async () => {
  const said = await asking(async () => {
    await ok(['service', 'update', '-d', '--env-add', 'V=2', 'web']);
    await swarm.updateIs('web', 'completed');
    await led(2);
  });
  assert.match(said, /v1/);
  assert.match(await get(), /v2$/);
  assert.equal((await virtual())?.[0]?.Addr, '10.216.0.240/24');
});

test('nor does who uses it while it grows, shrinks, and stops each task before the next', async () => {
  const said = await asking(async () => {
    await ok(['service', 'scale', '-d', 'web=3']);
    await led(3);
    await ok(['service', 'scale', '-d', 'web=2']);
    await swarm.runs('web', 2);
    await led(2);
    await ok(['service', 'update', '-d', '--update-order', 'stop-first', '--env-add', 'V=3', 'web']);
    await swarm.updateIs('web', 'completed');
    await led(2);
  });
  for (const text of ['3 v2', '1 v2', '2 v2', '1 v3', '2 v3']) assert.ok(said.includes(text), text);
});

test('it outlives the daemon', async () => {
  await swarm.cloud.killDaemon();
  await swarm.cloud.startDaemon();
  assert.equal((await virtual())?.[0]?.Addr, '10.216.0.240/24');
  await bothAnswer();
});

test('without a task it refuses at once', async () => {
  await ok(['service', 'scale', '-d', 'web=0']);
  await swarm.runs('web', 0);
  await eventually('nobody is there', async () => /Connection refused/.test(await get()), 60_000);
  assert.deepEqual(await resolve('web'), ['10.216.0.240']);
  assert.deepEqual(await resolve('tasks.web'), []);
});

test('with dnsrr there is none, and the name leads to the tasks', async () => {
  await ok(['service', 'update', '-d', '--endpoint-mode', 'dnsrr', '--replicas', '1', 'web']);
  await swarm.runs('web', 1);
  await eventually('the address is gone', async () => (await virtual()) === null);
  await eventually('the task has the name', async () => (await resolve('web')).length === 1, 60_000);
  assert.deepEqual(await resolve('web'), await addressesOfTasks());
  assert.match(await get(), /^\d v3$/);
  await swarm.cloud.fails(
    ['service', 'create', '-d', '--endpoint-mode', 'dnsrr', '--publish', '80', image, 'true'],
    /port published with ingress mode can't be used with dnsrr mode/,
  );
});

test('a service that goes leaves its address to others, and a network without addresses makes none', async () => {
  await ok(['service', 'update', '-d', '--endpoint-mode', 'vip', 'web']);
  await eventually('it has one again', async () => (await virtual())?.[0]?.Addr === '10.216.0.240/24');
  await ok(['service', 'rm', 'web'], { timeoutMs: 120_000 });
  assert.deepEqual(await resolve('web'), []);
  const idle = (name: string, network: string): string[] => [
    'service',
    'create',
    '-d',
    '--name',
    name,
    '--replicas',
    '0',
    '--network',
    network,
    image,
    'true',
  ];
  await ok(idle('next', 'front'));
  await eventually('it is given again', async () => (await virtual('next'))?.[0]?.Addr === '10.216.0.240/24');
  await ok(['network', 'create', '-d', 'overlay', '--subnet', '10.216.1.0/30', 'tiny']);
  await ok(idle('only', 'tiny'));
  await eventually('it has the only one', async () => (await virtual('only'))?.[0]?.Addr === '10.216.1.2/30');
  await swarm.cloud.fails(idle('more', 'tiny'), /no available IPv4 addresses on network tiny/);
  await ok(['service', 'rm', 'next', 'only'], { timeoutMs: 120_000 });
  await ok(['rm', '-f', 'client']);
  await ok(['network', 'rm', 'front', 'tiny']);
});
