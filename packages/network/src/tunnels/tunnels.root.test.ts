import assert from 'node:assert/strict';
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { codeOf, must } from '@kraud/base';
import type { NetworkSpec, TunnelEnd } from '../contract.ts';
import { Names } from '../names.ts';
import { FarHost, TestHost } from '../testing/far-host.ts';
import { TapVm, VmmProgram } from '../testing/tap-vm.ts';
import {
  ask,
  configureGuest,
  insideOwnWorld,
  program,
  request,
  sh,
  tcpServer,
  udpServer,
} from '../testing/world.ts';
import type { DevicePeer } from './device.ts';
import { parseDump, setWords, wgCommand } from './wg-tool.ts';

/** Two hosts: `near` is in this world's own namespace, `far` in another; a wire between them. */
if (insideOwnWorld(import.meta.filename)) {
  const dir = mkdtempSync(join(tmpdir(), 'kraud-tunnels-'));
  const near = new TestHost('near', join(dir, 'near'));
  let far: FarHost;
  const running: ChildProcess[] = [];
  const nearBlocks = ['10.1.0.0/22', '10.2.0.0/22'];
  const farBlocks = ['10.1.4.0/22', '10.2.4.0/22'];
  let ends: { near: TunnelEnd; far: TunnelEnd };

  const networks = ([first, second]: readonly string[]): NetworkSpec[] => [
    { tenant: 'default', name: 'default', subnet: '10.1.0.0/16', ranges: [must(first, 'a block')] },
    {
      tenant: 'default',
      name: 'back',
      subnet: '10.2.0.0/16',
      internal: true,
      ranges: [must(second, 'a block')],
    },
  ];
  const start = async (netns: string, code: string): Promise<void> => {
    running.push(await program(netns, code));
  };
  /** Of these two hosts alone. */
  const wireguards = (): string[] => {
    const [a, b] = ['near', 'far'].map((id) => new Names(id).tunnelPrefix);
    const pids = sh(`pgrep -f '[w]ireguard-go -f (${a}|${b})' || true`);
    return pids.split('\n').filter((pid) => pid !== '');
  };
  const toFar = (blocks = farBlocks) => [
    { key: ends.far.key, endpoint: `192.0.2.2:${ends.far.port}`, blocks },
  ];
  const toNear = (blocks = nearBlocks) => [
    { key: ends.near.key, endpoint: `192.0.2.1:${ends.near.port}`, blocks },
  ];

  before(async () => {
    sh(`ip netns add host2; ip -n host2 link set lo up
ip link add wan0 type veth peer name wan0 netns host2
ip addr add 192.0.2.1/24 dev wan0; ip link set wan0 up; ip route add default via 192.0.2.2
ip -n host2 addr add 192.0.2.2/24 dev wan0; ip -n host2 link set wan0 up; ip -n host2 route add default via 192.0.2.1`);
    far = new FarHost('host2', 'far', join(dir, 'far'));
    await near.open(networks(nearBlocks));
    await far.open(networks(farBlocks));
    await near.pod('a', 'default');
    await near.pod('abk', 'back');
    const { addresses } = await far.pod('b', 'default');
    assert.deepEqual(addresses, ['10.1.4.0/16']);
    await far.pod('bbk', 'back');
    for (const pod of ['a', 'abk', 'b', 'bbk']) {
      await start(`guest-${pod}`, tcpServer(80, pod));
      await start(`guest-${pod}`, udpServer(53, pod));
    }
    ends = { near: await near.ensure([]), far: await far.ensure([]) };
  });

  after(async () => {
    for (const child of running) child.kill('SIGKILL');
    await near.close();
    await far.close();
    rmSync(dir, { recursive: true });
  });

  test('without peers a tunnel is there, with a key, and leads nowhere', async () => {
    assert.ok(ends.near.port >= 51820 && ends.far.port >= 51820);
    assert.notEqual(ends.near.key, ends.far.key);
    assert.match(await ask('guest-a', 'tcp', '10.1.4.0', 80), /^failed/);
    assert.equal(statSync(join(dir, 'near/secret')).mode & 0o777, 0o600);
  });

  test('pods of two hosts reach each other, by their own addresses', async () => {
    assert.deepEqual(await near.ensure(toFar()), ends.near);
    assert.deepEqual(await far.ensure(toNear()), ends.far);
    assert.equal(await ask('guest-a', 'tcp', '10.1.4.0', 80, 10_000), 'b HELLO 10.1.0.2');
    assert.equal(await ask('guest-b', 'tcp', '10.1.0.2', 80), 'a HELLO 10.1.4.0');
    assert.equal(await ask('guest-bbk', 'udp', '10.2.0.2', 53), 'abk HELLO');
  });

  test('a pod that sleeps is knocked at from another host, by a packet that arrives', async () => {
    const [{ network }, vmm] = [near, new VmmProgram()];
    const vm = new TapVm('s', vmm);
    const { guest, addresses } = await network.attach({ ...request('s'), tap: await vm.boot() });
    configureGuest('s', guest.network);
    await start('guest-s', udpServer(53, 's'));
    const knocked = new Promise<string>((resolve) => network.onKnock(resolve));
    await network.park('s');
    await vm.end();
    const answer = ask('guest-b', 'udp', must(addresses[0], 'it has one').ipv4, 53, 30_000);
    assert.equal(await knocked, 's');
    await vm.start(must(network.parkedTap('s'), 'it is parked'));
    await network.unpark('s');
    assert.equal(await answer, 's HELLO');
    await network.detach('s');
    await vm.end();
    vmm.remove();
  });

  test('packets of every size come through, from interfaces that know nothing of the tunnel', async () => {
    const bytes = 8_000_000;
    const code = `import net from 'node:net'; let n = 0;
const s = net.connect({ host: '10.1.4.0', port: 81, allowHalfOpen: true });
s.on('data', (d) => { n += d.length; }); s.on('end', () => { console.log(n); process.exit(0); });
s.end(Buffer.alloc(${bytes}, 7));`;
    await start(
      'guest-b',
      `import net from 'node:net'; net.createServer({ allowHalfOpen: true }, (s) => s.pipe(s)).listen(81, () => console.log('ready'));`,
    );
    assert.match(sh('ip -n guest-a link show eth0'), /mtu 1500/);
    const child = await program(
      'guest-a',
      code.replace('console.log(n)', `console.log(n === ${bytes} ? 'whole' : n)`),
    );
    running.push(child);
    await once(child, 'exit');
    assert.equal(child.exitCode, 0);
    for (const size of [1472, 1400, 1393, 9000]) {
      const answer = await ask('guest-a', 'udp', '10.1.4.0', 53, 5000, 'x'.repeat(size));
      assert.equal(answer, `b ${'X'.repeat(size)}`);
    }
  });

  test('an address of another host’s block that no pod has is unreachable at once, as on one host', async () => {
    assert.equal(await ask('guest-a', 'tcp', '10.1.4.99', 80, 20_000), 'failed: EHOSTUNREACH');
    assert.equal(await ask('guest-b', 'tcp', '10.1.0.99', 80, 20_000), 'failed: EHOSTUNREACH');
  });

  test('a service leads to another host, with packets of every size', async () => {
    await near.network.adopt(near.network.attachments());
    const service = { tenant: 'default', network: 'default', names: ['web'], virtual: '10.1.255.2' };
    await near.network.serve([{ ...service, ready: ['10.1.4.0'], members: ['10.1.4.0'] }]);
    for (const size of [5, 1472, 1393, 9000]) {
      const answer = await ask('guest-a', 'udp', service.virtual, 53, 5000, 'x'.repeat(size));
      assert.equal(answer, `b ${'X'.repeat(size)}`);
    }
    // A task that is gone, before it is known here that it is.
    await near.network.serve([{ ...service, ready: ['10.1.4.99'], members: ['10.1.4.99'] }]);
    assert.equal(await ask('guest-a', 'tcp', service.virtual, 80, 20_000), 'failed: EHOSTUNREACH');
    await near.network.serve([]);
  });

  test('only pods that share a network reach each other, and nobody the VPC or the host behind', async () => {
    assert.match(await ask('guest-a', 'tcp', '10.2.4.1', 80), /^failed/);
    assert.match(await ask('guest-bbk', 'tcp', '10.1.0.2', 80), /^failed/);
    assert.match(await ask('guest-b', 'tcp', '10.1.0.1', 80), /^failed/);
    assert.equal(await ask(undefined, 'tcp', '10.1.4.0', 80), 'failed: EHOSTUNREACH');
    assert.match(await ask('guest-b', 'tcp', '192.0.2.1', 53), /^failed/);
  });

  test('neither a pod nor a host borrows an address', async () => {
    const netns = new Names('far').netns('default');
    sh('ip -n guest-b addr add 10.1.0.9/32 dev eth0; ip -n guest-b route add 10.1.0.2 dev eth0 src 10.1.0.9');
    assert.match(await ask('guest-b', 'tcp', '10.1.0.2', 80), /^failed/);
    sh('ip -n guest-b route del 10.1.0.2; ip -n guest-b addr del 10.1.0.9/32 dev eth0');
    // Past its own firewall, as a host that is in the wrong hands.
    sh(`ip -n ${netns} addr add 10.1.9.9/32 dev lo; ip -n ${netns} route add 10.1.0.2 dev wg0 src 10.1.9.9`);
    sh(`nsenter --net=/run/netns/${netns} nft flush chain inet kraud input`);
    assert.match(await ask(netns, 'udp', '10.1.0.2', 53), /^failed/);
    sh(
      `ip -n ${netns} route del 10.1.0.2; ip -n ${netns} addr del 10.1.9.9/32 dev lo; ip -n ${netns} addr add 10.1.4.9/32 dev lo`,
    );
    sh(`ip -n ${netns} route add 10.1.0.2 dev wg0 src 10.1.4.9`);
    assert.equal(await ask(netns, 'udp', '10.1.0.2', 53), 'a HELLO');
    sh(`ip -n ${netns} route del 10.1.0.2; ip -n ${netns} addr del 10.1.4.9/32 dev lo`);
    await near.network.ensureNetwork({ tenant: 'default', name: 'default' });
  });

  test('a pod with an address of another host’s block is found where it is', async () => {
    await far.pod('fixed', 'default', '10.1.0.200');
    await start('guest-fixed', tcpServer(80, 'fixed'));
    await near.ensure(toFar([...farBlocks, '10.1.0.200/32']));
    assert.equal(await ask('guest-a', 'tcp', '10.1.0.200', 80, 5000), 'fixed HELLO 10.1.0.2');
    await near.ensure(toFar());
    assert.match(await ask('guest-a', 'tcp', '10.1.0.200', 80), /^failed/);
  });

  test('a connection outlives the daemon, and the next one takes the tunnel over', async () => {
    const code = `import net from 'node:net'; const s = net.connect({ host: '10.1.4.0', port: 81 });
s.on('connect', () => console.log('ready')); s.on('data', (d) => process.stdout.write(d)); process.stdin.on('data', (d) => s.write(d));`;
    const args = ['--net=/run/netns/guest-a', process.execPath, '--input-type=module', '-e', code];
    const child = spawn('nsenter', args, { stdio: ['pipe', 'pipe', 'inherit'] });
    running.push(child);
    await once(child.stdout, 'data');
    const before = wireguards();
    assert.equal(before.length, 2);
    near.tunnels.close();
    child.stdin.write('one\n');
    assert.match(String(await once(child.stdout, 'data')), /one/);
    await near.openTunnels();
    assert.deepEqual(await near.ensure(toFar()), ends.near);
    assert.deepEqual(wireguards(), before);
    child.stdin.write('two\n');
    assert.match(String(await once(child.stdout, 'data')), /two/);
  });

  test('it runs as nobody else, with one privilege', () => {
    const pid = must(wireguards()[0], 'runs');
    const status = readFileSync(`/proc/${pid}/status`, 'utf8');
    assert.match(status, /^Uid:\t199999\t199999/m);
    assert.match(status, /^CapEff:\t0000000000001000$/m);
    assert.match(status, /^NoNewPrivs:\t1$/m);
  });

  test('`wg`, which speaks to the kernel, says the same of it and takes its words', () => {
    const device = new Names('near').tunnel('default');
    const wg = (words: readonly string[], input = ''): string => {
      const script = `mount --bind ${dir}/near/run /run; exec "$@"`;
      const args = ['--mount', '--propagation', 'private', 'sh', '-ec', script, 'sh', ...wgCommand(words)];
      return execFileSync('unshare', args, { encoding: 'utf8', input });
    };
    const dump = () => parseDump(wg(['show', device, 'dump']));
    const before = dump();
    const peers = toFar().map(({ blocks, ...peer }) => ({ ...peer, blocks: [...blocks].sort() }));
    const sorted = (list: readonly DevicePeer[]) =>
      list.map((peer) => ({ ...peer, blocks: [...peer.blocks].sort() }));
    assert.deepEqual([before.port, sorted(before.peers)], [ends.near.port, peers]);
    const other = {
      key: Buffer.alloc(32, 5).toString('base64'),
      endpoint: undefined,
      blocks: ['10.1.8.0/22'],
    };
    const add = setWords(device, { privateKey: before.privateKey, set: [other], remove: [] });
    wg(add.words, add.input);
    assert.deepEqual(dump().peers.length, 2);
    const drop = setWords(device, { set: [], remove: [other.key] });
    wg(drop.words, drop.input);
    assert.deepEqual(dump(), before);
  });

  test('one that dies is told of, and made again with the next call', async () => {
    const told = new Promise<void>((resolve) => {
      near.tunnels.onGone(resolve);
    });
    for (const pid of wireguards()) process.kill(Number(pid), 'SIGKILL');
    await told;
    const again = await near.ensure(toFar());
    assert.equal(again.key, ends.near.key);
    ends = { near: again, far: await far.ensure(toNear()) };
    await near.ensure(toFar());
    assert.equal(await ask('guest-b', 'tcp', '10.1.0.2', 80, 10_000), 'a HELLO 10.1.4.0');
  });

  test('a tenant without a VPC has no tunnel, and one that is removed leaves nothing', async () => {
    await assert.rejects(near.tunnels.ensure('other', []), (e) => codeOf(e) === 'unavailable');
    await near.tunnels.remove('other');
    await near.tunnels.remove('default');
    assert.equal(wireguards().length, 1);
    assert.match(await ask('guest-a', 'tcp', '10.1.4.0', 80), /^failed/);
    await near.tunnels.remove('default');
    await near.ensure(toFar());
    assert.equal(await ask('guest-a', 'tcp', '10.1.4.0', 80, 10_000), 'b HELLO 10.1.0.2');
  });
}
