import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { image, TestCloud } from './harness/cloud.ts';
import { eventually } from './harness/command.ts';

let cloud: TestCloud;
before(async () => {
  cloud = await TestCloud.start();
});
after(async () => {
  await cloud?.stop();
});

const waiting = 'exec sleep 10000';

/** The address that a container's resolver has for a name, once something answers there. */
async function get(from: string, name: string): Promise<string> {
  let found = '';
  await eventually(
    `${from} reaches ${name}`,
    async () => {
      const asked = await cloud.docker(['exec', from, 'nslookup', '-type=a', name]);
      found = /^Name:.*\nAddress: ([\d.]+)$/m.exec(asked.stdout)?.[1] ?? '';
      if (found === '') return false;
      return (await cloud.docker(['exec', from, 'ping', '-c', '1', '-W', '5', found])).code === 0;
    },
    120_000,
  );
  return found;
}

const knowsNot = async (from: string, name: string): Promise<void> => {
  const asked = await cloud.docker(['exec', from, 'nslookup', '-type=a', name]);
  assert.doesNotMatch(asked.stdout, /^Name:/m);
};

const cannotReach = async (from: string, ip: string): Promise<void> => {
  await cloud.fails(['exec', from, 'ping', '-c', '1', '-W', '3', ip], /100% packet loss/);
};

const address = (name: string, network: string): Promise<string> =>
  cloud.ok(['inspect', '-f', `{{(index .NetworkSettings.Networks "${network}").IPAddress}}`, name]);

test('networks are made, shown, found and removed', async () => {
  const id = await cloud.ok([
    ...[
      'network',
      'create',
      '--subnet',
      '10.211.0.0/24',
      '--gateway',
      '10.211.0.9',
      '--ip-range',
      '10.211.0.32/27',
    ],
    ...['--label', 'a=b', 'plan'],
  ]);
  assert.match(id, /^[0-9a-f]{64}$/);
  const [shown] = JSON.parse(await cloud.ok(['network', 'inspect', 'plan']));
  assert.deepEqual(shown.IPAM.Config, [
    { Subnet: '10.211.0.0/24', IPRange: '10.211.0.32/27', Gateway: '10.211.0.9' },
  ]);
  assert.deepEqual(shown.Labels, { a: 'b' });
  assert.equal(await cloud.ok(['network', 'ls', '-q', '--no-trunc', '--filter', 'label=a=b']), id);
  assert.equal(await cloud.ok(['network', 'ls', '--filter', 'type=custom', '--format', '{{.Name}}']), 'plan');
  await cloud.fails(['network', 'create', 'plan'], /network with name plan already exists/);
  await cloud.fails(['network', 'create', '--subnet', '10.211.0.0/28', 'x'], /Pool overlaps/);
  await cloud.fails(['network', 'create', '--subnet', '10.1.0.1/24', 'x'], /should be 10.1.0.0\/24/);
  await cloud.fails(['network', 'create', 'bridge'], /predefined bridge network/);
  await cloud.fails(['network', 'create', '--ipv6', 'x'], /EnableIPv6 is not supported/);
  await cloud.fails(['network', 'create', '-d', 'macvlan', 'x'], /plugin "macvlan" not found/);
  await cloud.fails(['network', 'rm', 'none'], /pre-defined network/);
  await cloud.fails(['run', '--rm', '--network', 'nosuch', image, 'true'], /network nosuch not found/);
  assert.equal(await cloud.ok(['network', 'rm', id.slice(0, 12)]), id.slice(0, 12));
  await cloud.ok(['network', 'create', 'unused']);
  assert.match(await cloud.ok(['network', 'prune', '-f']), /unused/);
  assert.equal(await cloud.ok(['network', 'ls', '--filter', 'type=custom', '-q']), '');
});

test('pods find each other by name where they share a network, and move while they run', async () => {
  await cloud.ok(['network', 'create', '--subnet', '10.212.0.0/24', 'front']);
  await cloud.ok(['network', 'create', '--internal', 'back']);
  const run = (name: string, ...options: string[]): Promise<string> =>
    cloud.sh(waiting, ['--name', name, ...options]);
  await run('web', '--network', 'front', '--ip', '10.212.0.50', '-p', '18080:80');
  await run('db', '--network', 'back', '--network-alias', 'store', '-p', '18081:80');
  assert.equal(await address('web', 'front'), '10.212.0.50');
  assert.equal(await cloud.ok(['port', 'db']), '');
  await cloud.fails(
    ['run', '--rm', '--network', 'front', '--ip', '10.9.9.9', image, 'true'],
    /no configured subnet contains IP address 10.9.9.9/,
  );

  await cloud.ok(['create', '--name', 'app', '--network', 'front', image, 'sh', '-c', waiting]);
  await cloud.ok(['network', 'connect', '--alias', 'api', 'back', 'app']);
  await cloud.ok(['start', 'app']);
  assert.equal(await get('app', 'web'), '10.212.0.50');
  assert.equal(await get('app', 'store'), await address('db', 'back'));
  assert.equal(await get('db', 'api'), await address('app', 'back'));
  assert.equal(await get('web', 'app.front'), await address('app', 'front'));
  await cannotReach('web', await address('db', 'back'));
  await knowsNot('web', 'db');
  const members = await cloud.ok([
    'network',
    'inspect',
    '-f',
    '{{range .Containers}}{{.Name}} {{end}}',
    'back',
  ]);
  assert.deepEqual(members.trim().split(' ').sort(), ['app', 'db']);

  await cloud.ok(['network', 'connect', '--alias', 'late', 'back', 'web']);
  assert.equal(await get('web', 'store'), await address('db', 'back'));
  assert.equal(await get('db', 'late'), await address('web', 'back'));
  await cloud.fails(['network', 'connect', 'back', 'web'], /already exists in network back/);
  await cloud.fails(['network', 'rm', 'back'], /has active endpoints/);

  await cloud.killDaemon();
  await cloud.startDaemon();
  assert.equal(await get('web', 'store'), await address('db', 'back'));
  await cloud.ok(['network', 'disconnect', 'back', 'web']);
  await cannotReach('web', await address('db', 'back'));
  await cloud.fails(['network', 'disconnect', 'back', 'web'], /is not connected to network back/);
  assert.equal(await get('app', 'web'), '10.212.0.50');
  await cloud.ok(['rename', 'web', 'www']);
  assert.equal(await get('app', 'www'), '10.212.0.50');
  await knowsNot('app', 'web');

  await cloud.ok(['network', 'disconnect', 'front', 'www']);
  assert.equal(await cloud.ok(['port', 'www']), '');
  await knowsNot('app', 'www');
  await cloud.ok(['network', 'connect', '--ip', '10.212.0.60', 'front', 'www']);
  const moves = await cloud.ok([
    ...['events', '--since', '10m', '--until', new Date().toISOString(), '--filter', 'network=front'],
    ...['--filter', 'event=connect', '--filter', 'event=disconnect', '--format', '{{.Action}}'],
  ]);
  assert.deepEqual(moves.split('\n').slice(-2), ['disconnect', 'connect']);
  assert.match(await cloud.ok(['port', 'www', '80']), /:18080/);
  assert.equal(await get('app', 'www'), '10.212.0.60');
  await cloud.removeAll();
  await cloud.ok(['network', 'rm', 'front', 'back']);
});

test('the default network gives no names', async () => {
  await cloud.sh('exec sleep 1000', ['--name', 'plain']);
  await cloud.fails(
    ['run', '--rm', '--network-alias', 'x', image, 'true'],
    /only supported for user-defined networks/,
  );
  await cloud.fails(['run', '--rm', image, 'ping', '-c', '1', '-W', '1', 'plain'], /bad address|Name/);
  await cloud.removeAll();
});
