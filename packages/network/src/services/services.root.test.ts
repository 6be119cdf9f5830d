import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { after, before, test } from 'node:test';
import { must } from '@kraud/base';
import type { Service } from '../contract.ts';
import type { LocalNetwork } from '../local-network.ts';
import {
  ask,
  endFakeVm,
  insideOwnWorld,
  joinPod,
  openNetwork,
  program,
  resolveName,
  sh,
  tcpServer,
  udpServer,
} from '../testing/world.ts';

/** Two pods of a service and a client on one network, a stranger on another. */
if (insideOwnWorld(import.meta.filename)) {
  let network: LocalNetwork;
  const running: ChildProcess[] = [];
  const web = '10.201.0.240';
  const [a, b] = ['10.201.0.2', '10.201.0.3'];
  const service = (more: Partial<Service> = {}): Service => ({
    ...{
      tenant: 'default',
      network: 'front',
      names: ['web', 'www'],
      virtual: web,
      ready: [a, b],
      members: [a, b],
    },
    ...more,
  });
  const start = async (netns: string, code: string): Promise<void> => {
    running.push(await program(netns, code));
  };
  const netns = (): string => must(/kraud-\S+/.exec(sh('ip netns list'))?.[0], 'the VPC is there');
  const inVpc = (command: string): string => sh(`nsenter --net=/run/netns/${netns()} ${command}`);
  const join = (name: string, on: string) =>
    joinPod(network, name, { networks: [{ network: on, names: [name] }] });
  const open = async (): Promise<void> => {
    network = await openNetwork();
    const key = (name: string) => ({ tenant: 'default', name, names: true, internal: true });
    await network.ensureNetwork({ ...key('front'), subnet: '10.201.0.0/24', reserved: [web] });
    await network.ensureNetwork({ ...key('back'), subnet: '10.202.0.0/24' });
  };
  const heard = async (
    times: number,
    from = 'guest-c',
    protocol: 'tcp' | 'udp' = 'tcp',
  ): Promise<string[]> => {
    const said: string[] = [];
    for (let turn = 0; turn < times; turn += 1) {
      said.push(await ask(from, protocol, web, protocol === 'tcp' ? 80 : 53, 5000));
    }
    return said.sort();
  };
  /** Echoes what comes back to this text, which it sends again with each line of its input. */
  const client = (from: string, code: string) => {
    const child = spawn('nsenter', [
      `--net=/run/netns/${from}`,
      process.execPath,
      '--input-type=module',
      '-e',
      code,
    ]);
    running.push(child);
    return {
      /** What comes back; `failed: CODE` at the end. */
      async say(): Promise<string> {
        child.stdin.write('\n');
        const [data] = await once(child.stdout, 'data');
        return String(data).trim();
      },
    };
  };
  const lasting = `import net from 'node:net';
const s = net.connect({ host: '${web}', port: 81 }); process.stdin.on('data', () => s.write('x'));
s.on('data', (d) => console.log(String(d))); s.on('error', (e) => console.log('failed: ' + e.code));`;
  const datagrams = `import dgram from 'node:dgram';
const s = dgram.createSocket('udp4'); s.connect(53, '${web}', () => process.stdin.on('data', () => s.send('x')));
s.on('message', (d) => console.log(String(d))); s.on('error', (e) => console.log('failed: ' + e.code));`;
  const talks = (tag: string): string => `import net from 'node:net';
net.createServer((s) => { s.on('error', () => {}); s.on('data', () => s.write('${tag}')); }).listen(81, () => console.log('ready'));`;

  before(async () => {
    await open();
    await network.adopt([]);
    for (const name of ['a', 'b', 'c']) await join(name, 'front');
    await join('x', 'back');
    for (const name of ['a', 'b']) {
      await start(`guest-${name}`, tcpServer(80, name));
      await start(`guest-${name}`, udpServer(53, name));
      await start(`guest-${name}`, talks(name));
    }
  });

  after(async () => {
    for (const child of running) child.kill('SIGKILL');
    await network.close({ remove: true });
  });

  test('a VPC without services tracks no connections', async () => {
    await network.serve([]);
    assert.doesNotMatch(inVpc('nft list ruleset'), /\bct\b|virtual/);
    assert.match(await ask('guest-c', 'tcp', web, 80, 5000), /^failed/);
  });

  test('connections to a virtual address go to the ready pods in turn, who see who asks', async () => {
    await network.serve([service()]);
    assert.deepEqual(
      await heard(4),
      ['a', 'a', 'b', 'b'].map((name) => `${name} HELLO 10.201.0.4`),
    );
    assert.deepEqual(await heard(2, 'guest-c', 'udp'), ['a HELLO', 'b HELLO']);
    sh(`nsenter --net=/run/netns/guest-c busybox ping -c 2 -W 5 ${web}`);
    assert.equal(await ask('guest-c', 'tcp', a, 80), 'a HELLO 10.201.0.4');
  });

  test('the host that they run on reaches it too', async () => {
    assert.match(await ask(undefined, 'tcp', web, 80), /^[ab] HELLO 10.201.0.1$/);
  });

  test('a pod reaches itself by its service’s address, and the others', async () => {
    assert.deepEqual(await heard(2, 'guest-a'), [`a HELLO ${web}`, `b HELLO ${a}`]);
    assert.deepEqual(await heard(2, 'guest-a', 'udp'), ['a HELLO', 'b HELLO']);
  });

  test('another network’s pods don’t reach it, and none may send as if it had the address', async () => {
    assert.match(await ask('guest-x', 'tcp', web, 80), /^failed/);
    sh(`ip -n guest-c addr add ${web}/24 dev eth0; ip -n guest-c route add ${b} dev eth0 src ${web}`);
    assert.match(await ask('guest-c', 'tcp', b, 80), /^failed/);
    sh(`ip -n guest-c route del ${b}; ip -n guest-c addr del ${web}/24 dev eth0`);
  });

  test('names lead to the address, and with tasks. to the pods', async () => {
    const name = (text: string): Promise<string> => resolveName('guest-c', '10.201.0.1', text);
    for (const text of ['web', 'WWW', 'web.front']) assert.equal(await name(text), web);
    assert.deepEqual([await name('tasks.web'), await name('tasks.www.front')].sort(), [a, b]);
    assert.match(await resolveName('guest-x', '10.202.0.1', 'web'), /^failed/);
    await network.serve([service({ virtual: undefined })]);
    assert.deepEqual([await name('web'), await name('web')].sort(), [a, b]);
    await network.serve([service()]);
  });

  test('a pod that is not ready gets nothing new, and what it has goes on until it is gone', async () => {
    const [first, second] = [client('guest-c', lasting), client('guest-c', lasting)];
    const [one, two] = [await first.say(), await second.say()];
    assert.deepEqual([one, two].sort(), ['a', 'b']);
    await network.serve([service({ ready: [b] })]);
    assert.deepEqual(await heard(2), ['b HELLO 10.201.0.4', 'b HELLO 10.201.0.4']);
    assert.deepEqual([await first.say(), await second.say()], [one, two]);
    await network.serve([service({ ready: [b], members: [b] })]);
    const [toA, toB] = one === 'a' ? [first, second] : [second, first];
    assert.equal(await toA.say(), 'failed: ECONNRESET');
    assert.equal(await toB.say(), 'b');
  });

  test('who sends datagrams for ever reaches another pod once the first is gone', async () => {
    await network.serve([service()]);
    const sender = client('guest-c', datagrams);
    const first = await sender.say();
    const other = first === 'a X' ? b : a;
    assert.equal(await sender.say(), first);
    await network.serve([service({ ready: [other], members: [other] })]);
    assert.equal(await sender.say(), other === a ? 'a X' : 'b X');
  });

  test('what changes is changed: nothing is made anew for it', async () => {
    const handle = (): string | undefined =>
      /kraud-virtual.*handle \d+/.exec(inVpc('nft -a list table inet kraud-virtual'))?.[0];
    await network.serve([service()]);
    const before = handle();
    assert.match(before ?? '', /handle/);
    const more = service({
      names: ['more'],
      virtual: '10.201.0.241',
      ready: ['10.201.0.9'],
      members: ['10.201.0.9'],
    });
    for (const all of [
      [service({ ready: [a] }), more],
      [service({ ready: [], members: [a, b] }), { ...more, ready: [] }],
      // A pod's address that is another service's pod's now.
      [service({ ready: [a], members: [a] }), { ...more, ready: [b], members: [b] }],
      [{ ...more, ready: [b], members: [b] }],
      [service()],
    ]) {
      await network.serve(all);
      assert.equal(handle(), before);
    }
    assert.deepEqual(await heard(2), [`a HELLO 10.201.0.4`, 'b HELLO 10.201.0.4']);
  });

  test('without a ready pod everything is refused at once', async () => {
    await network.serve([service({ ready: [], members: [] })]);
    assert.equal(await ask('guest-c', 'tcp', web, 80, 20_000), 'failed: ECONNREFUSED');
    assert.equal(await client('guest-c', datagrams).say(), 'failed: ECONNREFUSED');
    await network.serve([service()]);
    assert.equal((await heard(1)).length, 1);
  });

  test('a daemon that comes back finds what is there, and clears what is no more', async () => {
    const kept = network.attachments();
    await network.close();
    assert.match(await ask('guest-c', 'tcp', web, 80), /HELLO/);
    await open();
    await network.adopt(kept);
    assert.match(await ask('guest-c', 'tcp', web, 80), /HELLO/);
    await network.serve([service({ ready: [a] })]);
    assert.deepEqual(await heard(2), ['a HELLO 10.201.0.4', 'a HELLO 10.201.0.4']);
    await network.close();
    await open();
    await network.serve([]);
    assert.match(await ask('guest-c', 'tcp', web, 80), /HELLO/);
    await network.adopt(kept);
    assert.doesNotMatch(inVpc('nft list ruleset'), /virtual/);
    assert.doesNotMatch(inVpc('ip route'), new RegExp(web.replaceAll('.', '\\.')));
  });

  test('services of a network lead there once it is real, and go with it', async () => {
    const late = { ...service(), network: 'late', virtual: '10.203.0.240', ready: ['10.203.0.2'] };
    await network.serve([service(), { ...late, members: late.ready }]);
    assert.doesNotMatch(inVpc('ip route'), /10\.203\./);
    const key = { tenant: 'default', name: 'late' };
    await network.ensureNetwork({ ...key, names: true, internal: true, subnet: '10.203.0.0/24' });
    assert.match(inVpc('ip route'), /10\.203\.0\.240 dev lo/);
    await join('l', 'late');
    await start('guest-l', tcpServer(80, 'l'));
    assert.equal(await ask('guest-l', 'tcp', '10.203.0.240', 80), 'l HELLO 10.203.0.240');
    await network.detach('l');
    await network.settled();
    endFakeVm('l');
    await network.removeNetwork(key);
    assert.doesNotMatch(inVpc('ip route'), /10\.203\./);
    assert.match(await ask('guest-c', 'tcp', web, 80), /HELLO/);
  });

  test('without services everything is as it was before', async () => {
    await network.serve([]);
    assert.equal(await ask('guest-c', 'tcp', a, 80), 'a HELLO 10.201.0.4');
    assert.equal(await resolveName('guest-c', '10.201.0.1', 'a'), a);
    assert.match(await resolveName('guest-c', '10.201.0.1', 'web'), /^failed/);
  });
}
