import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import type { GuestClient } from './client.ts';
import { AgentProcess, containerOf } from './testing/agent-process.ts';
import { output, run } from './testing/run.ts';
import type { ContainerConfig } from './types.ts';

let agent: AgentProcess;
let guest: GuestClient;
before(async () => {
  agent = await AgentProcess.start();
  guest = await agent.pod({
    hosts: [['172.17.0.2', 'testpod']],
    resolv: { servers: ['10.1.1.1'], search: ['a.b', 'c'], options: ['ndots:2'] },
  });
});
after(() => agent[Symbol.asyncDispose]());

const sh = (script: string, more: Partial<ContainerConfig> = {}) =>
  run(guest, containerOf(['sh', '-c', script], more));

test('output of both streams, in order, and the exit code', async () => {
  const result = await sh('echo out; echo err >&2; exit 3');
  assert.deepEqual(result, {
    stdout: 'out\n',
    stderr: 'err\n',
    exit: { code: 3, signal: 0, oomKilled: false, error: '' },
  });
});

test('an exit by signal is 128 and the signal', async () => {
  // A first process has no default action for signals of its own namespace, so a child carries it out.
  const result = await run(guest, containerOf(['sh', '-c', 'sh -c "kill -9 \\$\\$"; exit $?']));
  assert.equal(result.exit.code, 137);
  await guest.createContainer('killed', containerOf(['sleep', '1000']));
  await guest.startContainer('killed');
  const exit = guest.waitContainer('killed');
  await guest.killContainer('killed', 9);
  assert.deepEqual(await exit, { code: 137, signal: 9, oomKilled: false, error: '' });
  await guest.removeContainer('killed');
});

test("a command that cannot be run: docker's words, the errno, and the container can be removed", async () => {
  const cases = [
    {
      args: ['nosuch'],
      message: 'exec: "nosuch": executable file not found in $PATH',
      errno: 'ENOENT',
      code: 'not-found',
    },
    {
      args: ['/nosuch'],
      message: 'exec: "/nosuch": stat /nosuch: no such file or directory',
      errno: 'ENOENT',
      code: 'not-found',
    },
    {
      args: ['/etc/passwd'],
      message: 'exec: "/etc/passwd": permission denied',
      errno: 'EACCES',
      code: 'forbidden',
    },
  ];
  for (const { args, ...expected } of cases) {
    await guest.createContainer('bad', containerOf(args));
    await assert.rejects(guest.startContainer('bad'), expected);
    assert.equal((await guest.container('bad')).state, 'created');
    await guest.removeContainer('bad');
  }
});

test('user, groups, HOME, working directory, umask', async () => {
  const script =
    'id; echo $HOME; pwd; umask; stat -c %u:%g /proc/self/fd/1 >/dev/null; echo again > /dev/stdout';
  const ada = await sh(script, { user: 'ada', cwd: '/made/here' });
  assert.equal(
    ada.stdout,
    'uid=1000(ada) gid=1001(ada) groups=29(audio)\n/home/ada\n/made/here\n0022\nagain\n',
  );
  const numbers = await sh('id -u; id -g; id -G; echo $HOME', {
    user: '77:staff',
    groups: ['audio', '5'],
    umask: 0o77,
  });
  assert.equal(numbers.stdout, '77\n50\n50 5 29\n/\n');
  await assert.rejects(sh('true', { user: 'nobody' }), {
    code: 'invalid',
    message: 'unable to find user nobody: no matching entries in passwd file',
  });
  await assert.rejects(sh('true', { user: 'ada:nogroup' }), { message: /unable to find group nogroup/ });
});

test('environment: HOSTNAME, HOME, TERM only with a terminal', async () => {
  const plain = await run(guest, containerOf(['env'], { env: ['A=1', 'PATH=/bin'], hostname: 'box' }));
  assert.equal(plain.stdout, 'A=1\nPATH=/bin\nHOSTNAME=box\nHOME=/root\n');
  const tty = await run(guest, containerOf(['env'], { env: ['HOME=/x'], tty: true }));
  assert.equal(tty.stdout, 'HOME=/x\r\nHOSTNAME=testpod\r\nTERM=xterm\r\n');
  const without = await run(guest, containerOf(['env'], { env: ['A', 'B=1', 'PATH=/bin', 'HOSTNAME'] }));
  assert.equal(without.stdout, 'B=1\nPATH=/bin\nHOME=/root\n');
});

test('capabilities: as given for root, none for others, all when privileged', async () => {
  const show = 'grep -E "Cap(Inh|Prm|Eff|Bnd|Amb)" /proc/self/status | cut -f2 | tr "\\n" " "';
  const zero = '0000000000000000';
  const given = '00000000a80425fb';
  assert.equal((await sh(show)).stdout, `${zero} ${given} ${given} ${given} ${zero} `);
  assert.equal((await sh(show, { user: 'ada' })).stdout, `${zero} ${zero} ${zero} ${given} ${zero} `);
  const privileged = (await sh(show, { privileged: true })).stdout.split(' ');
  assert.equal(
    privileged[1],
    (await sh('true; cat /proc/self/status | grep CapBnd | cut -f2', { privileged: true })).stdout.trim(),
  );
  assert.notEqual(privileged[1], given);
  assert.equal((await sh('mount -t tmpfs x /tmp && echo mounted', { privileged: true })).stdout, 'mounted\n');
  assert.match((await sh('mount -t tmpfs x /tmp')).stderr, /permission denied|not permitted/i);
});

test('no_new_privs and limits', async () => {
  const result = await sh('grep NoNewPrivs /proc/self/status; ulimit -n; ulimit -H -n', {
    noNewPrivileges: true,
    rlimits: [{ name: 'nofile', soft: 100, hard: 200 }],
  });
  assert.equal(result.stdout, 'NoNewPrivs:\t1\n100\n200\n');
});

test('devices of the kernel, where they are wanted', async () => {
  const devices = [
    { source: '/dev/zero', target: '/dev/nulo' },
    { source: '/dev/null', target: '/dev/deep/er' },
  ];
  const { stdout } = await sh('head -c 3 /dev/nulo | wc -c; echo x > /dev/deep/er && echo written', {
    devices,
  });
  assert.equal(stdout, '3\nwritten\n');
  for (const device of [
    { source: '/dev/nosuch', target: '/dev/x' },
    { source: '/dev/zero', target: '/dev/../etc/x' },
    { source: '/dev/shm', target: '/dev/x' },
  ]) {
    await assert.rejects(guest.createContainer('x', containerOf(['true'], { devices: [device] })));
  }
});

test('masked and read-only paths, read-only root', async () => {
  const script =
    'cat /proc/kcore | wc -c; ls /sys/firmware | wc -l; echo 1 > /proc/sys/kernel/domainname; touch /x; touch /etc/hosts; touch /dev/shm/y && echo shm';
  const result = await sh(script, { readOnlyRoot: true });
  assert.equal(result.stdout, '0\n0\nshm\n');
  assert.equal(result.stderr.match(/Read-only file system/g)?.length, 3);
});

test("hosts, resolv.conf and hostname are the pod's, and writable", async () => {
  const result = await sh(
    'cat /etc/hostname /etc/resolv.conf; grep testpod /etc/hosts; echo 1.2.3.4 x >> /etc/hosts && tail -1 /etc/hosts',
  );
  assert.equal(
    result.stdout,
    'testpod\nnameserver 10.1.1.1\nsearch a.b c\noptions ndots:2\n172.17.0.2\ttestpod\n1.2.3.4 x\n',
  );
});

test('tmpfs options, shared memory size', async () => {
  const result = await sh(
    'df -k /dev/shm /t | tail -2 | tr -s " " | cut -d" " -f2,6; stat -c %a /t; touch /ro/x',
    {
      shmBytes: 8 << 20,
      mounts: [
        { type: 'tmpfs', target: '/t', options: 'size=4m,mode=1750' },
        { type: 'tmpfs', target: '/ro', readOnly: true },
      ],
    },
  );
  assert.equal(result.stdout, '8192 /dev/shm\n4096 /t\n1750\n');
  assert.match(result.stderr, /Read-only file system/);
});

test("a sysctl of the pod's own", async () => {
  const result = await sh('cat /proc/sys/net/ipv4/ip_forward /proc/sys/kernel/msgmax', {
    sysctls: { 'net.ipv4.ip_forward': '1', 'kernel.msgmax': '9000' },
  });
  assert.equal(result.stdout, '1\n9000\n');
});

test('the writable layer survives the container, and the image stays as it was', async () => {
  await guest.createContainer('keep', containerOf(['sh', '-c', 'echo kept > /kept; rm /etc/group']));
  await guest.startContainer('keep');
  await guest.waitContainer('keep');
  await guest.removeContainer('keep');
  await guest.createContainer('keep', containerOf(['sh', '-c', 'cat /kept; ls /etc/group']));
  const again = await output(guest, 'keep');
  assert.equal(again.stdout, 'kept\n');
  assert.match(again.stderr, /No such file/);
  assert.equal((await sh('ls /etc/group')).stdout, '/etc/group\n');
});

test('a terminal: one stream, window size, controlling, hang-up at the end', async () => {
  const result = await sh('tty; stty size; test -t 0 && echo yes; echo err >&2', {
    tty: true,
    rows: 33,
    cols: 101,
  });
  assert.equal(result.stdout, '/dev/pts/0\r\n33 101\r\nyes\r\nerr\r\n');
  assert.equal(result.stderr, '');
});

test("an init of the agent's own reaps, and passes signals and exit codes on", async () => {
  const orphans = await sh(
    '(sleep 0.01 &) ; sleep 0.1; cat /proc/1/comm; ps | grep -c "\\[sleep\\]"; exit 7',
    { init: true },
  );
  assert.deepEqual([orphans.stdout.split('\n')[1], orphans.exit.code], ['0', 7]);
  await guest.createContainer('init', containerOf(['sleep', '1000'], { init: true }));
  await guest.startContainer('init');
  const exit = guest.waitContainer('init');
  await guest.killContainer('init', 15);
  assert.equal((await exit).code, 143);
  await guest.removeContainer('init');
});

test('every process of a container ends with its first', async () => {
  await guest.createContainer('tree', containerOf(['sh', '-c', 'sleep 1000 & sleep 1001 & echo up; wait']));
  await guest.startContainer('tree');
  const logs = await guest.logs('tree');
  for await (const entry of logs) if (entry.bytes.includes('up')) break;
  assert.equal((await guest.processes('tree')).length, 3);
  await guest.killContainer('tree', 9);
  await guest.waitContainer('tree');
  assert.deepEqual(await guest.processes('tree'), []);
  await guest.removeContainer('tree');
});

test('processes shared in the pod', async () => {
  await guest.createContainer('one', containerOf(['sleep', '2345'], { shareProcesses: true }));
  await guest.startContainer('one');
  const seen = await sh('ps -o pid,args | grep -c "[s]leep 2345"', { shareProcesses: true });
  assert.equal(seen.stdout, '1\n');
  await guest.removeContainer('one');
});

test('top', async () => {
  await guest.createContainer('top', containerOf(['sleep', '4321'], { user: 'ada' }));
  await guest.startContainer('top');
  let [first] = await guest.processes('top');
  // The start is told as soon as it can't fail any more; its words are in place a moment later.
  while (first?.args === '[sleep]') [first] = await guest.processes('top');
  assert.deepEqual(
    {
      pid: first?.pid,
      ppid: first?.ppid,
      uid: first?.uid,
      user: first?.user,
      args: first?.args,
      tty: first?.tty,
    },
    { pid: 1, ppid: 0, uid: 1000, user: 'ada', args: 'sleep 4321', tty: '?' },
  );
  await guest.removeContainer('top');
});

test('calls on what is not there, or in the wrong state', async () => {
  await assert.rejects(guest.container('none'), { code: 'not-found' });
  await assert.rejects(guest.startContainer('none'), { code: 'not-found' });
  await assert.rejects(guest.createContainer('..', containerOf(['true'])), { code: 'invalid' });
  await assert.rejects(guest.createContainer('x', containerOf([])), {
    code: 'invalid',
    message: 'no command is given',
  });
  await assert.rejects(guest.createContainer('x', containerOf(['true'], { image: '../etc' })), {
    code: 'invalid',
  });
  await assert.rejects(guest.createContainer('x', containerOf(['true'], { capabilities: ['FLY'] })), {
    code: 'invalid',
  });
  await guest.createContainer('x', containerOf(['true']));
  await assert.rejects(guest.createContainer('x', containerOf(['true'])), { code: 'exists' });
  await assert.rejects(guest.killContainer('x', 9), { code: 'conflict' });
  await assert.rejects(guest.exec('x', 'e', { args: ['true'] }), { code: 'conflict' });
  await guest.removeContainer('x');
  await assert.rejects(agent.pod(), { code: 'conflict' });
});
