import assert from 'node:assert/strict';
import type { ChildProcess } from 'node:child_process';
import { readdirSync, writeFileSync } from 'node:fs';
import { after, before, test } from 'node:test';
import { codeOf, messageOf } from '@kraud/base';
import type { Attachment } from './contract.ts';
import type { LocalNetwork } from './local-network.ts';
import {
  ask,
  configureGuest,
  endFakeVm,
  insideOwnWorld,
  joinPod,
  makeFakeVm,
  makeOutside,
  nameServer,
  openNetwork,
  program,
  request,
  resolveName,
  sh,
  tcpServer,
  udpServer,
} from './testing/world.ts';

/** A story in one world: pods a and b of one tenant, x of another, a machine outside. */
if (insideOwnWorld(import.meta.filename)) {
  let network: LocalNetwork;
  const running: ChildProcess[] = [];
  const outside = '192.0.2.9';
  const resolvConfPath = '/run/netns/outside.conf';
  const open = () => openNetwork({ resolvConfPath });

  const start = async (netns: string | undefined, code: string): Promise<void> => {
    running.push(await program(netns, code));
  };

  const join = (name: string, more?: object) => joinPod(network, name, more);

  /** What gets no answer waits for it, so they are asked side by side. */
  const assertNoWay = async (...asked: Promise<string>[]): Promise<void> => {
    for (const answer of await Promise.all(asked)) assert.match(answer, /^failed/);
  };

  before(async () => {
    makeOutside();
    writeFileSync(resolvConfPath, `nameserver ${outside}\n`);
    network = await open();
    await network.ensureNetwork({ tenant: 'default', name: 'default' });
    await network.ensureNetwork({ tenant: 'other', name: 'default' });
    await join('a', {
      ports: [
        { protocol: 'tcp', podPort: 80, hostIp: '', hostPort: 8080 },
        { protocol: 'udp', podPort: 53, hostIp: '', hostPort: 5353 },
        { protocol: 'tcp', podPort: 80, hostIp: '127.0.0.1', hostPort: 0 },
      ],
    });
    await join('b');
    await join('x', { tenant: 'other' });
    await network.settled();
    await start('guest-a', tcpServer(80, 'a'));
    await start('guest-a', udpServer(53, 'a'));
    await start('guest-b', tcpServer(80, 'b'));
    await start('guest-x', tcpServer(80, 'x'));
    await start('outside', tcpServer(80, 'outside'));
    await start('outside', nameServer(outside));
    await start(undefined, tcpServer(7000, 'host'));
  });

  after(async () => {
    for (const child of running) child.kill('SIGKILL');
    await network.close({ remove: true });
  });

  test('addresses are as docker gives them', () => {
    const [a, b, x] = network.attachments();
    assert.equal(a?.places[0]?.ipv4, '172.17.0.2');
    assert.equal(a?.mac, '02:42:ac:11:00:02');
    assert.equal(b?.places[0]?.ipv4, '172.17.0.3');
    assert.equal(x?.places[0]?.ipv4, '172.18.0.2');
    assert.deepEqual(
      a?.ports.map((p) => [p.protocol, p.hostIp, p.hostPort]),
      [
        ['tcp', '0.0.0.0', 8080],
        ['tcp', '::', 8080],
        ['udp', '0.0.0.0', 5353],
        ['udp', '::', 5353],
        ['tcp', '127.0.0.1', 32768],
      ],
    );
  });

  test('pods of one network reach each other, the host and the outside', async () => {
    assert.equal(await ask('guest-b', 'tcp', '172.17.0.2', 80), 'a HELLO 172.17.0.3');
    assert.equal(await ask('guest-b', 'udp', '172.17.0.2', 53), 'a HELLO');
    assert.equal(await ask('guest-b', 'tcp', '172.17.0.1', 7000), 'host HELLO 172.17.0.3');
    assert.equal(await ask('guest-b', 'tcp', '192.0.2.9', 80), 'outside HELLO 192.0.2.1');
  });

  test('the host reaches pods by their addresses', async () => {
    assert.equal(await ask(undefined, 'tcp', '172.17.0.3', 80), 'b HELLO 172.17.0.1');
  });

  test('tenants do not reach each other', async () => {
    await assertNoWay(ask('guest-x', 'tcp', '172.17.0.2', 80), ask('guest-b', 'tcp', '172.18.0.2', 80));
  });

  test('an address that nobody has is unreachable', async () => {
    assert.equal(await ask(undefined, 'tcp', '172.17.0.99', 80, 10_000), 'failed: EHOSTUNREACH');
  });

  test('a published port is reached from outside, from the host and from pods', async () => {
    assert.equal(await ask('outside', 'tcp', '192.0.2.1', 8080), 'a HELLO 192.0.2.9');
    assert.equal(await ask('outside', 'udp', '192.0.2.1', 5353), 'a HELLO');
    assert.equal(await ask(undefined, 'tcp', '127.0.0.1', 8080), 'a HELLO 172.17.0.1');
    assert.equal(await ask(undefined, 'tcp', '192.0.2.1', 8080), 'a HELLO 192.0.2.1');
    assert.equal(await ask(undefined, 'udp', '127.0.0.1', 5353), 'a HELLO');
    assert.equal(await ask('guest-b', 'tcp', '172.17.0.1', 8080), 'a HELLO 172.17.0.1');
    assert.equal(await ask('guest-a', 'tcp', '192.0.2.1', 8080), 'a HELLO 172.17.0.1');
    assert.match(await ask('guest-x', 'tcp', '192.0.2.1', 8080), /^a HELLO/);
  });

  test('IPv6 connections are carried in user space', async () => {
    assert.equal(await ask(undefined, 'tcp', '::1', 8080), 'a HELLO 172.17.0.1');
    assert.equal(await ask(undefined, 'udp', '::1', 5353), 'a HELLO');
  });

  test('a port published on loopback is not there for the outside', async () => {
    assert.equal(await ask(undefined, 'tcp', '127.0.0.1', 32768), 'a HELLO 172.17.0.1');
    assert.match(await ask('outside', 'tcp', '192.0.2.1', 32768), /^failed/);
  });

  test('the outside reaches no pod past the published ports', async () => {
    sh('ip -n outside route add 172.17.0.0/16 via 192.0.2.1');
    await assertNoWay(ask('outside', 'tcp', '172.17.0.3', 80), ask('outside', 'tcp', '172.17.0.2', 80));
    sh('ip -n outside route del 172.17.0.0/16');
  });

  test('a pod that borrows an address is not heard', async () => {
    sh('ip -n guest-b addr add 172.17.0.77/16 dev eth0');
    sh('ip netns exec guest-b busybox arping -c 1 -w 1 -I eth0 -s 172.17.0.77 172.17.0.1 || true');
    sh('ip -n guest-b route add 192.0.2.9 via 172.17.0.1 src 172.17.0.77');
    assert.match(await ask('guest-b', 'tcp', '192.0.2.9', 80), /^failed/);
    sh('ip -n guest-b route del 192.0.2.9; ip -n guest-b addr del 172.17.0.77/16 dev eth0');
    // Nor noted: the kernel has one table of neighbours for all.
    for (const netns of readdirSync('/run/netns').filter((name) => name.startsWith('kraud-'))) {
      assert.doesNotMatch(sh(`ip -n ${netns} neigh show to 172.17.0.77`), /lladdr/, netns);
    }
  });

  test("a host port that is taken is a conflict in docker's words, and nothing is kept", async () => {
    const wanted = [
      { protocol: 'tcp', podPort: 81, hostIp: '', hostPort: 8081 },
      { protocol: 'tcp', podPort: 80, hostIp: '', hostPort: 8080 },
    ];
    await assert.rejects(network.reserve(request('c', { ports: wanted })), (error) => {
      assert.equal(codeOf(error), 'conflict');
      assert.equal(
        messageOf(error),
        'driver failed programming external connectivity on endpoint c: Bind for 0.0.0.0:8080 failed: port is already allocated',
      );
      return true;
    });
    const foreign = [{ protocol: 'tcp', podPort: 80, hostIp: '', hostPort: 7000 }];
    await assert.rejects(network.reserve(request('c', { ports: foreign })), (e) => codeOf(e) === 'conflict');
    const again = await network.reserve(request('c', { ports: wanted.slice(0, 1) }));
    assert.equal(again.attachment.places[0]?.ipv4, '172.17.0.4');
    await network.detach('c');
  });

  test('the kernel goes on while the daemon is dead, and a new one takes over', async () => {
    const kept = network.attachments();
    await network.close();
    assert.equal(await ask('outside', 'tcp', '192.0.2.1', 8080), 'a HELLO 192.0.2.9');
    assert.match(await ask(undefined, 'tcp', '::1', 8080), /^failed/);
    network = await open();
    await network.ensureNetwork({ tenant: 'default', name: 'default' });
    await network.ensureNetwork({ tenant: 'other', name: 'default' });
    const ghost: Attachment = {
      ...{ podId: 'ghost', podName: 'ghost', tenant: 'default', mac: '02:42:ac:11:00:09' },
      ...{ places: [{ network: 'default', ipv4: '172.17.0.9', names: [] }], nameServers: [], ports: [] },
    };
    assert.deepEqual(await network.adopt([...kept, ghost]), { lost: ['ghost'], problems: [] });
    assert.deepEqual(network.attachments(), kept);
    assert.equal(await ask(undefined, 'tcp', '::1', 8080), 'a HELLO 172.17.0.1');
    assert.equal(await ask('guest-b', 'tcp', '172.17.0.2', 80), 'a HELLO 172.17.0.3');
    await assert.rejects(
      network.reserve(request('d', { networks: [{ network: 'default', ipv4: '172.17.0.2', names: [] }] })),
      (e) => codeOf(e) === 'conflict',
    );
  });

  test('what a crash has left is swept', async () => {
    const tap = makeFakeVm('lost');
    await network.attach({ ...request('lost'), tap });
    const kept = network.attachments().filter((a) => a.podId !== 'lost');
    await network.close();
    network = await open();
    await network.ensureNetwork({ tenant: 'default', name: 'default' });
    await network.adopt(kept.filter((a) => a.tenant === 'default'));
    assert.equal(sh('ip netns list').match(/kraud-/g)?.length, 1);
    assert.equal(sh('ip link show').match(/ kv/g)?.length, 1);
    const { places } = (await network.reserve(request('next'))).attachment;
    assert.equal(places[0]?.ipv4, '172.17.0.4');
    await network.detach('next');
    endFakeVm('lost');
  });

  test('a released port and address are free again, and an old flow does not reach the next pod', async () => {
    await network.detach('a');
    assert.match(await ask('outside', 'tcp', '192.0.2.1', 8080), /^failed/);
    const { attachment } = await network.reserve(
      request('e', { ports: [{ protocol: 'tcp', podPort: 80, hostIp: '', hostPort: 8080 }] }),
    );
    assert.equal(attachment.places[0]?.ipv4, '172.17.0.2');
    await network.detach('e');
  });

  test('where pods cannot reach the name servers of the host, a forwarder at the gateway does', async () => {
    const path = '/run/netns/resolv.conf';
    writeFileSync(path, 'nameserver 127.0.0.53\nsearch example.test\n');
    await start(undefined, udpServer(53, '\\x00\\x01\\x81', '127.0.0.53'));
    const named = await openNetwork({ instanceId: 'names', resolvConfPath: path });
    await named.ensureNetwork({ tenant: 'default', name: 'default' });
    const tap = makeFakeVm('n');
    const { guest } = await named.attach({ ...request('n'), tap });
    assert.deepEqual(guest.resolv, {
      servers: [guest.network.gateway4],
      search: ['example.test'],
      options: [],
    });
    configureGuest('n', guest.network);
    const answer = await ask('guest-n', 'udp', guest.network.gateway4, 53, 5000, '\\x00\\x01\\x01234567890');
    assert.match(answer, /234567890$/);
    await named.close({ remove: true });
    endFakeVm('n');
  });

  test('behind a firewall that drops forwarded packets, ports are served in user space, with a warning', async () => {
    sh(
      "nft 'add table ip filter; add chain ip filter FORWARD { type filter hook forward priority 0; policy drop; }'",
    );
    const walled = await openNetwork({ instanceId: 'walled' });
    assert.match(walled.warnings.join(), /another firewall drops forwarded packets/);
    await walled.ensureNetwork({ tenant: 'default', name: 'default' });
    const tap = makeFakeVm('w');
    const ports = [{ protocol: 'tcp' as const, podPort: 80, hostIp: '', hostPort: 8090 }];
    const { guest } = await walled.attach({ ...request('w', { ports }), tap });
    configureGuest('w', guest.network);
    await walled.settled();
    await start('guest-w', tcpServer(80, 'w'));
    assert.equal(await ask('outside', 'tcp', '192.0.2.1', 8090), `w HELLO ${guest.network.gateway4}`);
    await walled.close({ remove: true });
    endFakeVm('w');
    sh('nft delete table ip filter');
  });

  test('a staged tap is connected for the tenant it was staged for, and for another', async () => {
    for (const tenant of ['default', 'third']) {
      await network.ensureNetwork({ tenant, name: 'default' });
      const tap = makeFakeVm('s');
      // The plug comes while the move is under way.
      const staged = network.stage('default', tap);
      const { guest } = await network.attach({ ...request('s', { tenant }), tap });
      await staged;
      configureGuest('s', guest.network);
      assert.match(await ask('guest-s', 'tcp', guest.network.gateway4, 7000), /^host HELLO/);
      await network.detach('s');
      await network.settled();
      endFakeVm('s');
    }
    await network.removeNetwork({ tenant: 'third', name: 'default' });
  });

  test('a subnet in use is a conflict, a network with pods stays, and one without goes', async () => {
    const other = { tenant: 'default', name: 'other' };
    await assert.rejects(
      network.ensureNetwork({ ...other, subnet: '192.0.2.0/25' }),
      (e) => codeOf(e) === 'conflict',
    );
    const state = await network.ensureNetwork({ ...other, subnet: '10.200.0.0/24', internal: true });
    assert.deepEqual(state, {
      ...other,
      ...{ subnet: '10.200.0.0/24', gateway: '10.200.0.1', internal: true, names: false },
    });
    const tap = makeFakeVm('i');
    await network.stage('default', tap);
    const { guest } = await network.attach({
      ...request('i', { ports: [{ protocol: 'tcp', podPort: 80, hostIp: '', hostPort: 8099 }] }),
      networks: [{ network: 'other', names: [] }],
      tap,
    });
    configureGuest('i', guest.network);
    assert.deepEqual(network.attachments().find(({ podId }) => podId === 'i')?.ports, []);
    await assertNoWay(
      ask('guest-i', 'tcp', '192.0.2.9', 80),
      ask('guest-i', 'tcp', '172.17.0.3', 80),
      ask('guest-b', 'tcp', '10.200.0.2', 80),
    );
    assert.equal(await ask('guest-i', 'tcp', '10.200.0.1', 7000), 'host HELLO 10.200.0.2');
    await assert.rejects(network.removeNetwork(other), (e) => codeOf(e) === 'conflict');
    await network.detach('i');
    await network.removeNetwork(other);
    assert.doesNotMatch(sh('ip addr'), /10\.200\./);
    assert.equal(await ask('guest-b', 'tcp', '192.0.2.9', 80), 'outside HELLO 192.0.2.1');
    endFakeVm('i');
  });

  test('pods on several networks reach those they share one with, know them by name, and move live', async () => {
    const key = (name: string) => ({ tenant: 'default', name });
    await network.ensureNetwork({ ...key('front'), subnet: '10.201.0.0/24', names: true });
    await network.ensureNetwork({ ...key('back'), subnet: '10.202.0.0/24', names: true, internal: true });
    const on = (...names: string[]) => names.map((name) => ({ network: name, names: ['both'] }));
    const join = async (podId: string, ...names: string[]) => {
      const tap = makeFakeVm(podId);
      const networks = on(...names).map((place) => ({ ...place, names: [podId] }));
      const { guest } = await network.attach({ ...request(podId), networks, tap });
      configureGuest(podId, guest.network);
      await start(`guest-${podId}`, tcpServer(80, podId));
      return guest;
    };
    const web = await join('web', 'front');
    const db = await join('db', 'back');
    const app = await join('app', 'back', 'front');
    assert.deepEqual(app.network.addresses, ['10.202.0.3/24', '10.201.0.3/24']);
    assert.equal(app.network.gateway4, '10.201.0.1');
    assert.deepEqual(
      [web, db].map(({ resolv }) => resolv.servers),
      [['10.201.0.1'], ['10.202.0.1']],
    );
    assert.equal(await ask('guest-web', 'tcp', '10.201.0.3', 80), 'app HELLO 10.201.0.2');
    assert.equal(await ask('guest-app', 'tcp', '10.202.0.2', 80), 'db HELLO 10.202.0.3');
    await assertNoWay(ask('guest-web', 'tcp', '10.202.0.2', 80), ask('guest-web', 'tcp', '10.202.0.3', 80));
    assert.equal(await ask('guest-app', 'tcp', '192.0.2.9', 80), 'outside HELLO 192.0.2.1');
    assert.equal(await resolveName('guest-web', '10.201.0.1', 'app'), '10.201.0.3');
    assert.equal(await resolveName('guest-db', '10.202.0.1', 'APP.back'), '10.202.0.3');
    assert.match(await resolveName('guest-db', '10.202.0.1', 'example.test'), /^failed: ESERVFAIL/);

    const moved = await network.rejoin('web', on('front', 'back'));
    assert.deepEqual(moved.guest.network.addresses, ['10.201.0.2/24', '10.202.0.4/24']);
    sh('ip -n guest-web addr add 10.202.0.4/24 dev eth0');
    assert.equal(await ask('guest-web', 'tcp', '10.202.0.2', 80), 'db HELLO 10.202.0.4');
    assert.equal(await resolveName('guest-db', '10.202.0.1', 'both'), '10.202.0.4');
    const kept = network.attachments();
    await network.rejoin('web', on('front'));
    assert.match(await ask('guest-web', 'tcp', '10.202.0.2', 80), /^failed/);
    const alone = await network.rejoin('web', []);
    assert.deepEqual([alone.guest.network.addresses, alone.addresses], [[], []]);
    assert.match(await ask('guest-web', 'tcp', '10.201.0.3', 80), /^failed/);
    const port = { protocol: 'tcp', podPort: 80, hostIp: '127.0.0.1', hostPort: 0 } as const;
    const again = await network.rejoin('web', on('front'), [port]);
    assert.deepEqual(again.guest.network.addresses, ['10.201.0.2/24']);
    assert.notEqual(again.attachment.ports[0]?.hostPort, 0);
    assert.equal(network.rename('web', 'www', [{ network: 'front', names: ['www'] }])?.podName, 'www');
    assert.equal(await resolveName('guest-app', '10.202.0.1', 'www'), '10.201.0.2');
    assert.equal(await resolveName('guest-app', '10.202.0.1', 'web'), 'failed: ENOTFOUND');
    await assert.rejects(network.removeNetwork(key('front')), (e) => codeOf(e) === 'conflict');
    assert.equal(kept.length, network.attachments().length);
    for (const podId of ['web', 'db', 'app']) {
      await network.detach(podId);
      await network.settled();
      endFakeVm(podId);
    }
    await network.removeNetwork(key('front'));
    await network.removeNetwork(key('back'));
  });

  test('a network whose subnet is in use by others is named, also in the warnings, until it works', async () => {
    const spec = { tenant: 'default', name: 'late', subnet: '10.203.0.0/24' };
    const words =
      /network late can't be used on this host: its subnet 10\.203\.0\.0\/24 overlaps with 10\.203\.0\.0\/16, which is behind els0/;
    sh('ip link add els0 type bridge; ip addr add 10.203.0.1/16 dev els0; ip link set els0 up');
    await assert.rejects(
      network.ensureNetwork(spec),
      (e) => codeOf(e) === 'conflict' && words.test(messageOf(e)),
    );
    assert.match(network.warnings.join('\n'), words);
    await assert.rejects(network.chooseSubnet('10.203.7.0/24', []), /Pool overlaps/);
    sh('ip link del els0');
    assert.equal((await network.ensureNetwork(spec)).subnet, spec.subnet);
    assert.doesNotMatch(network.warnings.join('\n'), words);
    await network.removeNetwork(spec);
  });

  test('nothing stays after remove', async () => {
    await network.close({ remove: true });
    const left = sh('ip netns list; ip link show; nft list ruleset');
    assert.doesNotMatch(left, /kraud|kv[0-9a-f]/);
    network = await open();
  });
}
