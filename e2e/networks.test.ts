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

const page = (text: string): string => `mkdir /w; echo ${text} > /w/index.html; exec httpd -f -p 80 -h /w`;

/** Asks for a page of a host, found by name as its container's resolver finds it: the image's own one can't (it is static). */
const fetch = (host: string): string =>
  `a=$(nslookup -type=a ${host} | sed -n '/^Name/,$ s/^Address: *//p' | head -1); [ -n "$a" ] && wget -q -T 10 -O - http://$a/`;

/** What a container gets from there; the answer comes once the server is up. */
async function get(from: string, host: string): Promise<string> {
  let said = '';
  await eventually(
    `${from} gets ${host}`,
    async () => {
      const result = await cloud.docker(['exec', from, 'sh', '-c', fetch(host)]);
      said = result.stdout.trim();
      return result.code === 0;
    },
    120_000,
  );
  return said;
}

const knowsNot = async (from: string, name: string): Promise<void> => {
  await cloud.fails(['exec', from, 'sh', '-c', `${fetch(name)} || echo unknown >&2; false`], /unknown/);
};

const cannotReach = async (from: string, ip: string): Promise<void> => {
  await cloud.fails(['exec', from, 'wget', '-q', '-T', '3', '-O', '-', `http://${ip}/`], /wget/);
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
    cloud.sh(page(name), ['--name', name, ...options]);
  await run('web', '--network', 'front', '--ip', '10.212.0.50', '-p', '18080:80');
  await run('db', '--network', 'back', '--network-alias', 'store', '-p', '18081:80');
  assert.equal(await address('web', 'front'), '10.212.0.50');
  assert.equal(await cloud.ok(['port', 'db']), '');
  await cloud.fails(
    ['run', '--rm', '--network', 'front', '--ip', '10.9.9.9', image, 'true'],
    /no configured subnet contains IP address 10.9.9.9/,
  );

  await cloud.ok(['create', '--name', 'app', '--network', 'front', image, 'sh', '-c', page('app')]);
  await cloud.ok(['network', 'connect', '--alias', 'api', 'back', 'app']);
  await cloud.ok(['start', 'app']);
  assert.equal(await get('app', 'web'), 'web');
  assert.equal(await get('app', 'store'), 'db');
  assert.equal(await get('db', 'api'), 'app');
  assert.equal(await get('web', 'app.front'), 'app');
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
  assert.equal(await get('web', 'store'), 'db');
  assert.equal(await get('db', 'late'), 'web');
  await cloud.fails(['network', 'connect', 'back', 'web'], /already exists in network back/);
  await cloud.fails(['network', 'rm', 'back'], /has active endpoints/);

  await cloud.killDaemon();
  await cloud.startDaemon();
  assert.equal(await get('web', 'store'), 'db');
  await cloud.ok(['network', 'disconnect', 'back', 'web']);
  await cannotReach('web', await address('db', 'back'));
  await cloud.fails(['network', 'disconnect', 'back', 'web'], /is not connected to network back/);
  assert.equal(await get('app', 'web'), 'web');
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
