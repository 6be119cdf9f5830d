import assert from 'node:assert/strict';
import { setTimeout as delay } from 'node:timers/promises';
import { must, type Random } from '@kraud/base';
import type { Member } from './member.ts';
import type { TestEtcd } from './test-etcd.ts';

/** What befalls a cluster of three. Each leaves it as it found it. */
const faults: Record<string, (etcd: TestEtcd, random: Random) => Promise<void>> = {
  'a member is killed': async (etcd, random) => killed(etcd, any(etcd, random)),
  'the leader is killed': async (etcd, random) => killed(etcd, (await etcd.leader()) ?? any(etcd, random)),
  'the leader moves': async (etcd) => etcd.moveLeader(),
  'a disk is slow': async (etcd, random) => slowed(any(etcd, random), random),
  "the leader's disk is slow": async (etcd, random) =>
    slowed((await etcd.leader()) ?? any(etcd, random), random),
  'the leader hangs': async (etcd, random) => {
    const member = (await etcd.leader()) ?? any(etcd, random);
    member.pause();
    await delay(2500);
    member.resume();
  },
  'a member is cut off': async (etcd, random) => cutOff(etcd, any(etcd, random)),
  'the leader is cut off': async (etcd, random) => cutOff(etcd, (await etcd.leader()) ?? any(etcd, random)),
  "a member's clock is set forth": async (etcd, random) => jumped([[any(etcd, random), jumpS(random)]]),
  "the leader's clock is set forth": async (etcd, random) =>
    jumped([[(await etcd.leader()) ?? any(etcd, random), jumpS(random)]]),
  "the leader's clock is set back": async (etcd, random) =>
    jumped([[(await etcd.leader()) ?? any(etcd, random), -jumpS(random)]]),
  'the clocks are set apart': async (etcd) =>
    jumped(etcd.members.map((member, i) => [member, [-dayS, dayS, hourS][i] ?? 0])),
};

export const faultNames = Object.keys(faults);
/** Those that set what members take for the time of day. */
export const clockFaultNames = faultNames.filter((name) => name.includes('clock'));

export async function strike(etcd: TestEtcd, name: string, random: Random): Promise<void> {
  await faults[name]?.(etcd, random);
  for (const member of etcd.members) await etcd.answers(member);
}

function any(etcd: TestEtcd, random: Random): Member {
  const member = etcd.members[random.below(etcd.members.length)];
  if (!member) throw new Error('a cluster without members');
  return member;
}

async function killed(etcd: TestEtcd, member: Member): Promise<void> {
  await member.kill();
  await delay(2000);
  member.start();
  await etcd.answers(member);
}

/** Where there is no disk that can be slowed, the process stands still now and then. */
async function slowed(member: Member, random: Random): Promise<void> {
  if (member.disk) {
    member.disk.limit(1 + random.below(4));
    await delay(2500);
    member.disk.limit(0);
    return;
  }
  for (let i = 0; i < 6; i += 1) {
    member.pause();
    await delay(100 + random.below(200));
    member.resume();
    await delay(50);
  }
}

const hourS = 3600;
const dayS = 24 * hourS;
const jumpS = (random: Random): number => (random.below(2) === 0 ? hourS : dayS);

/** Each clock jumps by so many seconds and, after a while, back. */
async function jumped(jumps: readonly [Member, number][]): Promise<void> {
  for (const [member, offsetS] of jumps) await setClock(member, offsetS);
  await delay(1500);
  for (const [member] of jumps) await setClock(member, 0);
}

/** Sets it, and makes sure that the member goes by it. */
export async function setClock(member: Member, offsetS: number): Promise<void> {
  must(member.clock, 'a member without a clock of its own').set(offsetS);
  const off = (await member.now()) - Date.now() - offsetS * 1000;
  assert.ok(Math.abs(off) < 60_000, `${member.name}'s clock, set to ${offsetS} s, is off by ${off} ms more`);
}

async function cutOff(etcd: TestEtcd, member: Member): Promise<void> {
  await etcd.isolate(member);
  await delay(2500);
  etcd.join();
}
