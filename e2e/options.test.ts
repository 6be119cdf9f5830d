import assert from 'node:assert/strict';
import { createSocket } from 'node:dgram';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { image, TestCloud } from './harness/cloud.ts';
import { eventually } from './harness/command.ts';
import { udpEcho } from './harness/udp-echo.ts';

let cloud: TestCloud;
before(async () => {
  cloud = await TestCloud.start();
});
after(() => cloud.stop());

const sh = (line: string, ...options: string[]): Promise<string> =>
  cloud.ok(['run', '--rm', ...options, image, 'sh', '-c', line]);

test('memory limit is the cgroup’s, and going over it is told', async () => {
  assert.equal(await sh('cat /sys/fs/cgroup/memory.max', '-m', '64m'), String(64 * 1024 * 1024));
  const id = await cloud.sh('x=a; while :; do x=$x$x; done', ['-m', '32m']);
  await cloud.ok(['wait', id]);
  assert.deepEqual(await cloud.inspect(id, '[{{.State.ExitCode}},{{.State.OOMKilled}}]'), [137, true]);
  await cloud.ok(['rm', id]);
});

test('pids limit holds against a fork bomb', async () => {
  assert.equal(await sh('cat /sys/fs/cgroup/pids.max', '--pids-limit', '20'), '20');
  const neighbour = await cloud.sh('sleep 1000');
  const bomb = await cloud.sh('b() { b | b & }; sleep 1; b; sleep 1000', ['--pids-limit', '50']);
  const container = cloud.dockerode().getContainer(bomb);
  let most = 0;
  await eventually('the bomb fills its limit', async () => {
    const { pids_stats: pids } = await container.stats({ stream: false, 'one-shot': true });
    most = Math.max(most, pids?.current ?? 0);
    assert.ok(most <= 50, `${most} processes`);
    return most === 50;
  });
  // Those beside it go on, and it can be removed.
  assert.equal(await cloud.ok(['exec', neighbour, 'echo', 'fine']), 'fine');
  assert.equal(await cloud.ok(['ps', '-q', '--no-trunc', '--filter', `id=${bomb}`]), bomb);
  await cloud.ok(['rm', '-f', bomb, neighbour]);
  assert.equal(await sh('echo next'), 'next');
});

test('cpus', async () => {
  assert.equal(await sh('cat /sys/fs/cgroup/cpu.max', '--cpus', '0.5'), '50000 100000');
});

test('a read-only root, with tmpfs where asked', async () => {
  const out = await sh(
    'touch /x 2>&1; touch /tmp/y && echo fine; df -k /tmp | tail -1 | tr -s " " | cut -d" " -f2',
    '--read-only',
    '--tmpfs',
    '/tmp:size=1m',
  );
  assert.match(out, /Read-only file system\nfine\n1024/);
});

test('capabilities', async () => {
  const caps = (...options: string[]): Promise<string> =>
    sh('grep CapEff /proc/self/status | cut -f2', ...options);
  assert.equal(await caps(), '00000000a80425fb');
  assert.equal(await caps('--cap-drop', 'ALL'), '0000000000000000');
  assert.equal(await caps('--cap-drop', 'ALL', '--cap-add', 'NET_ADMIN'), '0000000000001000');
  assert.equal(await caps('--privileged'), '000001ffffffffff');
});

test('privileged is so inside its own VM', async () => {
  assert.equal(await sh('mkdir /m && mount -t tmpfs x /m && echo mounted', '--privileged'), 'mounted');
  assert.match(await sh('mkdir /m; mount -t tmpfs x /m 2>&1; true'), /denied|not permitted/i);
});

test('ulimits, init, shm, sysctls, groups, oom score, no-new-privileges', async () => {
  assert.equal(await sh('ulimit -n', '--ulimit', 'nofile=123:456'), '123');
  assert.equal(await sh('cat /proc/1/comm', '--init').then((name) => name !== 'sh'), true);
  assert.equal(await sh('df -k /dev/shm | tail -1 | tr -s " " | cut -d" " -f2', '--shm-size', '2m'), '2048');
  assert.equal(
    await sh(
      'cat /proc/sys/net/ipv4/ip_unprivileged_port_start',
      '--sysctl',
      'net.ipv4.ip_unprivileged_port_start=7',
    ),
    '7',
  );
  const anyPort = 'cat /proc/sys/net/ipv4/ip_unprivileged_port_start /proc/sys/net/ipv4/ping_group_range';
  assert.equal(await sh(anyPort, '-u', '1000'), '0\n0\t2147483647');
  assert.match(await sh('id -G', '--group-add', '77'), /\b77\b/);
  assert.equal(await sh('cat /proc/self/oom_score_adj', '--oom-score-adj', '500'), '500');
  assert.match(await sh('grep NoNewPrivs /proc/self/status', '--security-opt', 'no-new-privileges'), /1/);
});

test('devices that the guest’s kernel has', async () => {
  const look = 'test -c /dev/net/tun && test -c /dev/f && echo both';
  assert.equal(await sh(look, '--device', '/dev/net/tun', '--device', '/dev/fuse:/dev/f'), 'both');
  await cloud.fails(
    ['run', '--rm', '--device', '/dev/sda', image, 'true'],
    /a VM has no devices of the host/,
    125,
  );
});

test('a terminal', async () => {
  const out = await cloud.ok([
    'run',
    '--rm',
    '-t',
    image,
    'sh',
    '-c',
    'test -t 0 && test -t 1 && echo tty $TERM',
  ]);
  assert.equal(out.trim(), 'tty xterm');
});

test('named volumes keep data and take the image’s content at first', async () => {
  await cloud.ok(['volume', 'create', 'data']);
  assert.equal(await sh('echo one > /data/file', '-v', 'data:/data'), '');
  assert.equal(
    await sh('cat /data/file; (echo x > /data/y) 2>&1; true', '-v', 'data:/data:ro'),
    "one\nsh: can't create /data/y: Read-only file system",
  );
  assert.equal(await sh('ls /bin/busybox', '-v', 'bin:/bin'), '/bin/busybox');
  assert.match(await cloud.ok(['volume', 'ls', '-q']), /^bin\ndata$/m);
  await cloud.ok(['volume', 'rm', 'bin', 'data']);
});

test('anonymous volumes go with --rm and with rm -v', async () => {
  await sh('echo x > /v/x', '-v', '/v');
  assert.equal(await cloud.ok(['volume', 'ls', '-q']), '');
  const id = await cloud.sh('true', ['-v', '/v']);
  await cloud.ok(['wait', id]);
  assert.equal((await cloud.ok(['volume', 'ls', '-q'])).split('\n').length, 1);
  await cloud.ok(['rm', '-v', id]);
  assert.equal(await cloud.ok(['volume', 'ls', '-q']), '');
});

test('volumes of another container, read-only where asked', async () => {
  const source = await cloud.sh('echo one > /v/one', ['-v', '/v']);
  await cloud.ok(['wait', source]);
  assert.match(
    await sh('cat /v/one; (echo two > /v/two) 2>&1; true', '--volumes-from', `${source}:ro`),
    /^one\n.*Read-only file system$/,
  );
  await cloud.ok(['rm', '-v', source]);
  assert.equal(await cloud.ok(['volume', 'ls', '-q']), '');
});

test('host paths are shared live, single files too, read-only where asked', async () => {
  const dir = join(cloud.dir, 'shared');
  mkdirSync(dir);
  writeFileSync(join(dir, 'in'), 'from host\n');
  const out = await sh(
    'cat /app/in; echo from guest > /app/out; cat /one; (echo x > /one) 2>&1; stat -c %u:%g /app/out; true',
    '-v',
    `${dir}:/app`,
    '-v',
    `${join(dir, 'in')}:/one:ro`,
  );
  assert.match(out, /^from host\nfrom host\n.*Read-only file system\n0:0$/s);
  assert.equal(readFileSync(join(dir, 'out'), 'utf8'), 'from guest\n');
  const id = await cloud.sh('while :; do cat /app/live 2>/dev/null && exit; sleep 0.1; done', [
    '-v',
    `${dir}:/app`,
  ]);
  assert.equal(await cloud.inspect(id, '{{json .Kraud.HostPaths}}'), true);
  writeFileSync(join(dir, 'live'), 'seen\n');
  await cloud.ok(['wait', id]);
  assert.equal(await cloud.ok(['logs', id]), 'seen');
  await cloud.ok(['rm', id]);
});

test('the daemon’s own socket works inside', async () => {
  const request =
    'printf "GET /_ping HTTP/1.0\\r\\nHost: x\\r\\n\\r\\n" | nc local:/var/run/docker.sock 2>/dev/null || true; test -S /var/run/docker.sock && echo socket';
  assert.match(await sh(request, '-v', `${cloud.socket}:/var/run/docker.sock`), /socket/);
});

test('network none has only loopback; the default one has an address and the names', async () => {
  assert.equal(await sh('ls /sys/class/net', '--network', 'none'), 'lo');
  assert.match(
    await sh(
      'ip addr show eth0 | grep inet; cat /etc/resolv.conf /etc/hosts',
      '--dns',
      '9.9.9.9',
      '--add-host',
      'x:1.2.3.4',
    ),
    /^\s*inet 1[^\n]*\n[^:]*nameserver 9\.9\.9\.9.*1\.2\.3\.4\s+x/s,
  );
});

test('a linked container is found by its alias, also at its next address, and tells what it is', async () => {
  const serve = 'echo hello > /index.html; httpd -f -h / -p 80';
  const options = ['-d', '--name', 'db', '--expose', '80', '-e', 'A=1'];
  await cloud.ok(['run', ...options, image, 'sh', '-c', serve]);
  const ask = 'env; until wget -qO- http://store/; do sleep 0.1; done';
  const out = await sh(ask, '--link', 'db:store');
  assert.match(out, /^STORE_PORT=tcp:\/\/[\d.]+:80$/m);
  assert.match(out, /^STORE_ENV_A=1$/m);
  assert.match(out, /^hello$/m);
  await cloud.ok(['restart', '-t', '0', 'db']);
  assert.match(await sh(ask, '--link', 'db:store'), /^hello$/m);
  await cloud.ok(['rm', '-f', 'db']);
});

/** One datagram there and its answer; undefined when none comes. */
async function askUdp(port: number, text: string): Promise<string | undefined> {
  const socket = createSocket('udp4');
  try {
    return await new Promise((resolve, reject) => {
      socket.once('message', (data) => resolve(data.toString()));
      socket.once('error', reject);
      setTimeout(() => resolve(undefined), 1000).unref();
      socket.connect(port, '127.0.0.1', () => socket.send(text));
    });
  } finally {
    socket.close();
  }
}

test('published ports lead in, over TCP and UDP', async () => {
  const echo = await udpEcho(cloud.dir);
  const id = await cloud.ok([
    'run',
    '-d',
    '-p',
    '127.0.0.1::80',
    '-p',
    '127.0.0.1::81/udp',
    '-v',
    `${echo}:/echo:ro`,
    image,
    'sh',
    '-c',
    'echo hello > /index.html; httpd -h / -p 80; /echo',
  ]);
  const address = await cloud.ok(['port', id, '80/tcp']);
  const response = await eventually('httpd listens', () =>
    fetch(`http://${address}/index.html`).then((r) => r.text()),
  );
  assert.equal(response, 'hello\n');
  const [, udpPort = ''] = (await cloud.ok(['port', id, '81/udp'])).split(':');
  assert.equal(await eventually('the echo comes', () => askUdp(Number(udpPort), 'ping')), 'ping');
  await cloud.fails(['run', '--rm', '-p', `${address}:80`, image, 'true'], /port is already allocated/);
  await cloud.ok(['rm', '-f', id]);
});
