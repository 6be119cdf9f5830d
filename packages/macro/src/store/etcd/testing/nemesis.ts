import { setTimeout as delay } from 'node:timers/promises';
import type { Random } from '@kraud/base';
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
};

export const faultNames = Object.keys(faults);

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

async function cutOff(etcd: TestEtcd, member: Member): Promise<void> {
  await etcd.isolate(member);
  await delay(2500);
  etcd.join();
}
