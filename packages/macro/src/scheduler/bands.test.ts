import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { Host, Pod } from '../model/index.ts';
import { Fleet } from './fleet.ts';
import { schedulerDefaults } from './limits.ts';
import { host, on, pod, show, showOn } from './testing.ts';

const gib = 1024 ** 3;
const one = [host('h1')];

describe('bands', () => {
  test('a pod takes the room of weaker ones, the weakest and fewest', () => {
    const pods = [on('h1', 'f1', 1, 'free'), on('h1', 'f2', 2, 'free'), on('h1', 'b1', 1, 'batch')];
    assert.deepEqual(show([pod('web', 2)], { hosts: one, pods }), [
      'f2 leaves h1 for web',
      'web: waits for room on host h1: 1 pod is leaving it',
    ]);
    assert.deepEqual(show([pod('web', 4, { band: 'batch' })], { hosts: one, pods }), [
      "web: host h1 can't take it: lacks memory",
    ]);
    assert.equal(show([pod('web', 4)], { hosts: one, pods }).length, 4);
  });

  test('none leaves where there is room without; nobody leaves for an equal', () => {
    const pods = [on('h1', 'p', 4, 'production'), on('h2', 'b', 4, 'batch')];
    const hosts = [host('h1'), host('h2'), host('h3')];
    assert.deepEqual(show([pod('web', 4)], { hosts, pods }), ['web -> h3']);
    assert.deepEqual(show([pod('web', 4), pod('api', 4), pod('x', 4)], { hosts, pods }), [
      'web -> h3',
      'b leaves h2 for api',
      'api: waits for room on host h2: 1 pod is leaving it',
      'x: none of 3 hosts can take it: 3 × lacks memory',
    ]);
    assert.deepEqual(
      show([pod('sys', 4, { band: 'system' })], { hosts: hosts.slice(0, 1), pods: pods.slice(0, 1) }),
      ['p leaves h1 for sys', 'sys: waits for room on host h1: 1 pod is leaving it'],
    );
  });

  test('while they leave, the pod waits and nobody else is asked to, and nobody takes its place', () => {
    const stopping = on('h1', 'b', 2, 'batch', {
      run: { wanted: 'stopped', serial: 1, stoppedByUser: false },
    });
    const pods = [
      { ...stopping, status: { ...stopping.status, phase: 'stopping' as const } },
      on('h1', 'f', 2, 'free'),
    ];
    assert.deepEqual(show([pod('web', 2), pod('late', 2, { band: 'free' })], { hosts: one, pods }), [
      'web: waits for room on host h1: 1 pod is leaving it',
      "late: host h1 can't take it: lacks memory",
    ]);
  });

  test('a pod takes the port of a weaker one, and no more than it has to', () => {
    const ports = (hostPort: number, hostIp = '') => ({
      ports: [{ hostIp, hostPort, podPort: 80, protocol: 'tcp' as const }],
    });
    const web = (name: string, hostPort: number, hostIp?: string): Pod =>
      pod(name, 1, {}, { spec: ports(hostPort, hostIp) });
    const pods = [
      on('h1', 'small', 1, 'free'),
      on('h1', 'holder', 1, 'batch', ports(80)),
      on('h1', 'other', 1, 'free', ports(81)),
    ];
    assert.deepEqual(show([web('web', 80)], { hosts: one, pods }), [
      'holder leaves h1 for web',
      'web: waits for room on host h1: 1 pod is leaving it',
    ]);
    assert.deepEqual(show([web('web', 80, '10.0.0.1')], { hosts: [...one, host('h2')], pods }), [
      'web -> h2',
    ]);
    const equal = [on('h1', 'holder', 1, 'production', ports(80))];
    assert.deepEqual(show([web('web', 80)], { hosts: one, pods: equal }), [
      "web: host h1 can't take it: port 80/tcp is taken",
    ]);
    const stopping = on('h1', 'holder', 1, 'batch', {
      ...ports(80),
      run: { wanted: 'stopped', serial: 1, stoppedByUser: false },
    });
    const leaving = [{ ...stopping, status: { ...stopping.status, phase: 'stopping' as const } }];
    assert.deepEqual(show([web('web', 80), web('late', 80)], { hosts: one, pods: leaving }), [
      'web: waits for room on host h1: 1 pod is leaving it',
      "late: host h1 can't take it: port 80/tcp is taken",
    ]);
  });

  test('strong bands come first whatever the order', () => {
    const wanted = [pod('f', 4, { band: 'free' }), pod('p', 4)];
    assert.deepEqual(show(wanted, { hosts: one }), ['p -> h1', "f: host h1 can't take it: lacks memory"]);
  });
});

describe('reclamation', () => {
  const using = (share: number, uids: string[]): Host =>
    host('h1', {
      status: {
        usage: Object.fromEntries(
          uids.map((uid) => [uid, { cpus: 4 * share, memoryBytes: 4 * share * gib }]),
        ),
      },
    });
  const reserved = on('h1', 'web', 4, 'production');
  const { uid } = reserved.meta;
  const fleetAfter = (ms: number, share: number): Fleet => {
    const fleet = Fleet.of(
      { hosts: [using(share, [uid])], pods: [reserved], volumes: [] },
      schedulerDefaults,
      0,
    );
    fleet.setHost(using(share, [uid]), ms);
    return fleet;
  };
  const batch = pod('job', 2, { band: 'batch' });

  test('what stands unused for five minutes is given to weak bands only', () => {
    assert.deepEqual(showOn(fleetAfter(299_000, 0.25), [batch]), [
      "job: host h1 can't take it: lacks memory",
    ]);
    const fleet = fleetAfter(300_000, 0.25);
    assert.deepEqual(showOn(fleet, [batch]), ['job -> h1']);
    assert.deepEqual(showOn(fleet, [pod('api', 1)]), ["api: host h1 can't take it: lacks memory"]);
  });

  test('when it is needed, who lives there leaves', () => {
    const fleet = fleetAfter(300_000, 0.25);
    const jobs = [on('h1', 'job', 2, 'batch'), on('h1', 'small', 0.5, 'free')];
    for (const job of jobs) fleet.setPod(job);
    assert.deepEqual(showOn(fleet, [], jobs), []);
    fleet.setHost(using(0.3, [uid]), 301_000);
    assert.deepEqual(showOn(fleet, [], jobs), []);
    fleet.setHost(using(0.9, [uid]), 302_000);
    assert.deepEqual(showOn(fleet, [], jobs), ['small leaves h1 for the host', 'job leaves h1 for the host']);
  });

  test('growth starts the five minutes anew', () => {
    const fleet = fleetAfter(200_000, 0.25);
    fleet.setHost(using(0.5, [uid]), 250_000);
    fleet.setHost(using(0.4, [uid]), 500_000);
    assert.deepEqual(showOn(fleet, [pod('job', 1, { band: 'batch' })]), [
      "job: host h1 can't take it: lacks memory",
    ]);
    fleet.setHost(using(0.4, [uid]), 550_000);
    assert.deepEqual(showOn(fleet, [pod('job', 2, { band: 'batch' })]), ['job -> h1']);
  });
});
