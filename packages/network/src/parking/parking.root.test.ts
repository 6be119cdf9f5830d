import assert from 'node:assert/strict';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { after, before, beforeEach, test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { codeOf, must } from '@kraud/base';
import type { NetworkLimits } from '../defaults.ts';
import type { LocalNetwork } from '../local-network.ts';
import { TapVm, VmmProgram } from '../testing/tap-vm.ts';
import {
  ask,
  configureGuest,
  insideOwnWorld,
  joinPod,
  makeOutside,
  openNetwork,
  program,
  request,
  sh,
  tcpServer,
  udpServer,
} from '../testing/world.ts';

/** Pod a sleeps and wakes; b is another pod, c another that sleeps, and there is a machine outside. */
if (insideOwnWorld(import.meta.filename)) {
  let network: LocalNetwork;
  const vmm = new VmmProgram();
  const vms = new Map<string, TapVm>();
  const running: ChildProcess[] = [];
  const key = { tenant: 'default', name: 'front' };
  const web = '10.201.0.240';
  const ports = [
    { protocol: 'tcp', podPort: 80, hostIp: '', hostPort: 8080 },
    { protocol: 'udp', podPort: 53, hostIp: '', hostPort: 5353 },
  ];
  let knocks: string[] = [];
  let knocked: (() => void) | undefined;

  const vm = (podId: string): TapVm => must(vms.get(podId), 'the VM is there');
  const addressOf = (podId: string): string =>
    must(network.attachments().find((a) => a.podId === podId)?.places[0]?.ipv4, 'the pod is there');
  const netns = (): string => must(/kraud-\S+/.exec(sh('ip netns list'))?.[0], 'the VPC is there');
  const inVpc = (command: string): string => sh(`nsenter --net=/run/netns/${netns()} ${command}`);
  /** Those of this test's world, which has a mount namespace of its own. */
  const watches = (): string[] =>
    sh(`for pid in $(pgrep -f '^ip -4 monitor neigh'); do
  [ "$(readlink /proc/$pid/ns/mnt)" != "$(readlink /proc/$$/ns/mnt)" ] || echo $pid
done`)
      .split('\n')
      .filter(Boolean);
  const until = async (what: string, holds: () => boolean): Promise<void> => {
    for (let turn = 0; turn < 500; turn += 1) {
      if (holds()) return;
      await delay(20);
    }
    assert.fail(`${what}: not after 10 s`);
  };

  const open = async (limits: Partial<NetworkLimits> = {}): Promise<void> => {
    network = await openNetwork({ limits });
    await network.ensureNetwork({ ...key, names: true, subnet: '10.201.0.0/24', reserved: [web] });
    network.onKnock((podId) => {
      knocks.push(podId);
      knocked?.();
    });
  };

  /** With a VM on a real tap. */
  const join = async (podId: string, more: object = {}): Promise<void> => {
    const machine = vms.get(podId) ?? new TapVm(podId, vmm);
    vms.set(podId, machine);
    const tap = await machine.boot();
    const networks = [{ network: 'front', names: [podId] }];
    const { guest } = await network.attach({ ...request(podId, { networks, ...more }), tap });
    configureGuest(podId, guest.network);
    running.push(await program(`guest-${podId}`, tcpServer(80, podId)));
    running.push(await program(`guest-${podId}`, udpServer(53, podId)));
  };

  const sleep = async (podId = 'a'): Promise<void> => {
    await network.park(podId);
    await vm(podId).end();
  };

  const nextKnock = async (): Promise<void> => {
    if (knocks.length > 0) return;
    await new Promise<void>((resolve, reject) => {
      const late = setTimeout(() => reject(new Error('nobody has knocked for 20 s')), 20_000);
      knocked = () => {
        clearTimeout(late);
        resolve();
      };
    });
  };

  const takeTap = async (podId = 'a'): Promise<void> => {
    vm(podId).arrived = [];
    await vm(podId).start(must(network.parkedTap(podId), 'the pod is parked'));
  };

  const wake = async (podId = 'a'): Promise<void> => {
    await takeTap(podId);
    await network.unpark(podId);
  };

  /** What has arrived in pod a since it woke. */
  const arrivals = async (): Promise<readonly string[]> => {
    await sleep();
    const { arrived } = vm('a');
    await wake();
    return arrived;
  };

  const retransmitted = (from: string | undefined): number => {
    const enter = from === undefined ? '' : `nsenter --net=/run/netns/${from} `;
    const [heads, counts] = sh(`${enter}grep ^TcpExt: /proc/self/net/netstat`)
      .trim()
      .split('\n')
      .map((line) => line.split(' '));
    return Number(counts?.[must(heads, 'there are heads').indexOf('TCPSynRetrans')]);
  };

  before(async () => {
    makeOutside();
    await open();
    await network.adopt([]);
    await join('a', { ports });
    await join('c');
    await joinPod(network, 'b', { networks: [{ network: 'front', names: ['b'] }] });
    await network.settled();
  });

  beforeEach(() => {
    knocks = [];
    knocked = undefined;
  });

  after(async () => {
    for (const child of running) child.kill('SIGKILL');
    for (const machine of vms.values()) await machine.end();
    await network.close({ remove: true });
    vmm.remove();
  });

  test('nobody listens for knocks while no pod is parked, and one watch does for all of a VPC', async () => {
    assert.deepEqual(watches(), []);
    assert.equal(network.parkedTap('a'), undefined);
    await sleep('a');
    await sleep('c');
    assert.equal(watches().length, 1);
    await wake('a');
    assert.equal(watches().length, 1);
    await wake('c');
    await until('the watch has ended', () => watches().length === 0);
    assert.equal(await ask('guest-b', 'tcp', addressOf('a'), 80), 'a HELLO 10.201.0.4');
    assert.deepEqual(knocks, []);
  });

  test('a parked pod keeps its tap, its route and its address, and says nothing', async () => {
    const [address, tap] = [addressOf('a'), /tap\S+/];
    const route = (): string => inVpc(`ip route show ${address}`);
    const device = must(tap.exec(route())?.[0], 'there is a route');
    await sleep();
    assert.deepEqual(network.parkedTap('a'), { netns: `/run/netns/${netns()}`, name: device });
    assert.match(route(), new RegExp(`dev ${device}`));
    assert.match(inVpc(`ip link show dev ${device}`), /NO-CARRIER(.|\n)*alias kraud:a/);
    assert.doesNotMatch(inVpc('ip neigh'), new RegExp(`${address} `));
    await network.park('a');
    await wake();
    assert.match(inVpc(`ip neigh show ${address}`), /PERMANENT/);
    assert.match(route(), new RegExp(`dev ${device}`));
    await network.unpark('a');
    assert.deepEqual(knocks, []);
  });

  test('the packet that knocks is the one that arrives, wherever it comes from', async () => {
    const service = { ...key, network: 'front', names: ['web'], virtual: web };
    const address = addressOf('a');
    await network.serve([{ ...service, ready: [address], members: [address] }]);
    for (const [from, protocol, host, port] of [
      ['guest-b', 'tcp', address, 80],
      ['guest-b', 'udp', address, 53],
      ['guest-b', 'tcp', web, 80],
      ['guest-b', 'udp', web, 53],
      [undefined, 'tcp', address, 80],
      [undefined, 'tcp', '127.0.0.1', 8080],
      [undefined, 'tcp', '::1', 8080],
      [undefined, 'udp', '127.0.0.1', 5353],
      ['outside', 'tcp', '192.0.2.1', 8080],
      ['outside', 'udp', '192.0.2.1', 5353],
    ] as const) {
      const what = `${from ?? 'host'} ${protocol} ${host}`;
      knocks = [];
      await sleep();
      const before = retransmitted(from);
      const answer = ask(from, protocol, host, port, 30_000);
      await nextKnock();
      await wake();
      assert.match(await answer, /^a HELLO/, what);
      assert.equal(knocks[0], 'a');
      const sent = protocol === 'udp' ? 1 : 1 + retransmitted(from) - before;
      const first = protocol === 'udp' ? 'udp 53' : 'syn 80';
      assert.equal((await arrivals()).filter((line) => line === first).length, sent, what);
    }
    await network.serve([]);
  });

  test('what comes between the end of the VM and the call waits for the next packet only', async () => {
    await vm('a').end();
    await network.park('a');
    const answer = ask('guest-b', 'udp', addressOf('a'), 53, 30_000);
    await nextKnock();
    await wake();
    assert.equal(await answer, 'a HELLO');
  });

  test('a guest that tells where it is while its VM ends does not get what should wait', async () => {
    await network.park('a');
    const [gateway, address] = ['10.201.0.1', addressOf('a')];
    sh(`nsenter --net=/run/netns/guest-a busybox arping -c 1 -w 5 -I eth0 ${gateway}`);
    await until('it is forgotten', () => !inVpc(`ip neigh show ${address}`).includes('lladdr'));
    await vm('a').end();
    const answer = ask('guest-b', 'udp', address, 53, 30_000);
    await nextKnock();
    await wake();
    assert.equal(await answer, 'a HELLO');
  });

  test('whoever has waited for long is told, and who comes then knocks anew', async () => {
    const kept = network.attachments();
    await network.close();
    await open({ knockWaitS: 2 });
    await network.adopt(kept);
    await sleep();
    assert.equal(await ask('guest-b', 'tcp', addressOf('a'), 80, 30_000), 'failed: EHOSTUNREACH');
    knocks = [];
    const answer = ask('guest-b', 'udp', addressOf('a'), 53, 30_000);
    await nextKnock();
    await wake();
    assert.equal(await answer, 'a HELLO');
    await network.close();
    await open();
    await network.adopt(kept);
  });

  test('a pod that does not wake is knocked at again, and a VM that ends early loses nothing', async () => {
    await sleep();
    const answer = ask('guest-b', 'udp', addressOf('a'), 53, 30_000);
    await nextKnock();
    await assert.rejects(network.unpark('a'), (error) => codeOf(error) === 'unavailable');
    await takeTap();
    await assert.rejects(network.unpark('a', Promise.reject(new Error('not yet'))), { message: 'not yet' });
    assert.deepEqual(vm('a').arrived, []);
    await vm('a').end();
    knocks = [];
    await network.park('a');
    await nextKnock();
    await wake();
    assert.equal(await answer, 'a HELLO');
    assert.deepEqual(await arrivals(), ['udp 53']);
  });

  test('a watch that is killed is replaced, and hears who knocked meanwhile', async () => {
    await sleep();
    const [old = ''] = watches();
    sh(`kill -9 ${old}`);
    const answer = ask('guest-b', 'udp', addressOf('a'), 53, 30_000);
    await nextKnock();
    assert.notEqual(watches()[0], old);
    await wake();
    assert.equal(await answer, 'a HELLO');
  });

  test('a watch that is overrun asks for what it has lost', async () => {
    await sleep();
    const [pid = ''] = watches();
    sh(`kill -STOP ${pid}`);
    inVpc(`sh -ec 'for i in $(seq 3000); do
  echo "neigh replace 127.0.0.2 lladdr 02:00:00:00:00:02 dev up0 nud permanent"; echo "neigh del 127.0.0.2 dev up0"
done | ip -batch -'`);
    const answer = ask('guest-b', 'udp', addressOf('a'), 53, 30_000);
    await until('a packet waits', () => inVpc('ip neigh').includes('INCOMPLETE'));
    sh(`kill -CONT ${pid}`);
    await nextKnock();
    assert.deepEqual(watches(), [pid]);
    await wake();
    assert.equal(await answer, 'a HELLO');
  });

  test('who knocks while there is no daemon is heard by the next', async () => {
    await sleep();
    const kept = network.attachments();
    await network.close();
    await until('the watch has ended', () => watches().length === 0);
    const answer = ask('guest-b', 'udp', addressOf('a'), 53, 30_000);
    await until('a packet waits', () => inVpc('ip neigh').includes('INCOMPLETE'));
    await open();
    const { lost } = await network.adopt(kept, { parked: new Set(['a']) });
    assert.deepEqual(lost, []);
    assert.deepEqual(knocks, ['a']);
    await wake();
    assert.equal(await answer, 'a HELLO');
    assert.deepEqual(await arrivals(), ['udp 53']);
  });

  test('what a crash left half done is put right, either way', async () => {
    await network.park('a');
    const kept = network.attachments();
    await network.close();
    await open();
    await network.adopt(kept);
    assert.equal(network.parkedTap('a'), undefined);
    assert.equal(await ask('guest-b', 'tcp', addressOf('a'), 80), 'a HELLO 10.201.0.4');
    await vm('a').end();
    await network.close();
    await open();
    await network.adopt(kept, { parked: new Set(['a', 'nobody']) });
    const tap = must(network.parkedTap('a'), 'the pod is parked').name;
    await network.close();
    await open();
    assert.deepEqual((await network.adopt(kept)).lost, ['a'], 'neither parked nor with a VM');
    assert.doesNotMatch(inVpc('ip link'), new RegExp(tap));
    await network.close();
    await open();
    await network.adopt(kept, { parked: new Set(['a']) });
    const answer = ask('guest-b', 'udp', addressOf('a'), 53, 30_000);
    await nextKnock();
    await wake();
    assert.equal(await answer, 'a HELLO');
  });

  test('after a restart of the host a tap is made, and ports lead there', async () => {
    await sleep();
    const kept = network.attachments().filter(({ podId }) => podId === 'a');
    const old = must(network.parkedTap('a'), 'the pod is parked');
    const macOf = (tap?: { name: string }): string | undefined =>
      /link\/ether (\S+)/.exec(inVpc(`ip link show dev ${tap?.name}`))?.[1];
    const oldMac = must(macOf(old), 'the tap is there');
    await network.close({ remove: true });
    await open();
    assert.deepEqual(await network.adopt(kept, { parked: new Set(['a']) }), { lost: [], problems: [] });
    assert.notEqual(network.parkedTap('a')?.name, old.name);
    // What the guest knows of its neighbours stays true.
    assert.equal(macOf(network.parkedTap('a')), oldMac);
    assert.deepEqual(network.attachments(), kept);
    const answer = ask('outside', 'udp', '192.0.2.1', 5353, 30_000);
    await nextKnock();
    await wake();
    assert.equal(await answer, 'a HELLO');
  });

  test('a parked pod can be renamed, and its networks stay', async () => {
    await sleep();
    const on = [{ network: 'front', names: ['z'] }];
    assert.equal(network.rename('a', 'z', on)?.podName, 'z');
    await assert.rejects(network.rejoin('a', on), (error) => codeOf(error) === 'conflict');
    await assert.rejects(network.removeNetwork(key), (error) => codeOf(error) === 'conflict');
    await assert.rejects(network.park('nobody'), (error) => codeOf(error) === 'not-found');
    await assert.rejects(network.unpark('nobody'), (error) => codeOf(error) === 'not-found');
    await wake();
  });

  test('a fresh tap takes the place of a parked one', async () => {
    await sleep();
    const old = must(network.parkedTap('a'), 'the pod is parked').name;
    sh('ip netns del vmm-a');
    await network.plug('a', await vm('a').boot());
    assert.equal(network.parkedTap('a'), undefined);
    await network.settled();
    assert.doesNotMatch(inVpc('ip link'), new RegExp(old));
    assert.equal(inVpc('ip link').match(/alias kraud:a$/gm)?.length, 1);
    assert.equal(await ask(undefined, 'tcp', addressOf('a'), 80), 'a HELLO 10.201.0.1');
  });

  test('packets through taps are counted', async () => {
    const count = async (): Promise<number> =>
      must((await network.traffic(['a', 'nobody'])).get('a'), 'counted');
    const before = await count();
    await ask(undefined, 'udp', addressOf('a'), 53);
    const after = await count();
    assert.ok(after >= before + 2, `${before}, ${after}`);
    await sleep();
    const asleep = await count();
    assert.ok(asleep >= after, `${after}, ${asleep}`);
    assert.deepEqual([...(await network.traffic(['nobody'])).keys()], []);
    await wake();
  });

  test('a detached pod leaves nothing, and neither does a removed network', async () => {
    await sleep();
    await network.detach('a');
    await network.settled();
    assert.doesNotMatch(inVpc('ip link'), /kraud:a\b/);
    await until('the watch has ended', () => watches().length === 0);
    await join('d');
    await sleep('d');
    await network.close({ remove: true });
    await until('the watch has ended', () => watches().length === 0);
    assert.doesNotMatch(sh('ip netns list; ip link show; nft list ruleset'), /kraud|kv[0-9a-f]/);
    await open();
  });

  test('a watch ends with its daemon', async () => {
    const part = (name: string): string => JSON.stringify(import.meta.resolve(name));
    const code = `
const { silentLogger } = await import(${part('@kraud/base')});
const { LocalNetwork } = await import(${part('../local-network.ts')});
const network = await LocalNetwork.open({ instanceId: 'mortal', logger: silentLogger });
await network.ensureNetwork({ tenant: 'default', name: 'default' });
await network.reserve(${JSON.stringify(request('m'))});
await network.park('m');
console.log('ready'); setInterval(() => {}, 1000);`;
    const daemon = await program(undefined, code);
    assert.equal(watches().length, 1);
    daemon.kill('SIGKILL');
    await once(daemon, 'close');
    await until('the watch has ended', () => watches().length === 0);
    const next = await openNetwork({ instanceId: 'mortal' });
    await next.close({ remove: true });
  });
}
