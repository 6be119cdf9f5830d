import assert from 'node:assert/strict';
import { test } from 'node:test';
import { FakeClock, silentLogger } from '@kraud/base';
import { FakeCradle, FakeVolumes } from '@kraud/testkit';
import type { Seat } from './seat.ts';
import { Share } from './share.ts';

const key = { tenant: 'default', name: 'data' };
const turns = async (): Promise<void> => {
  for (let n = 0; n < 20; n += 1) await new Promise((resolve) => setImmediate(resolve));
};

async function sharers(ids: readonly string[]) {
  const clock = new FakeClock();
  const volumes = new FakeVolumes();
  const cradle = new FakeCradle({});
  await volumes.create(key);
  const limits = { shareHoldTimeoutMs: 60_000 };
  const share = new Share(key, { volumes, clock, logger: silentLogger, limits });
  await volumes.attach(key, 'gone');
  const path = volumes.path(key);
  const seats: Seat[] = [];
  for (const uid of ids) {
    await volumes.attach(key, uid);
    const vm = await cradle.claim({
      id: uid,
      size: { vcpus: 1, memoryMiB: 128, hostPaths: false },
      images: [],
      writable: { path: `/writable/${uid}` },
      volumes: [{ path, share: 'elsewhere' }],
      hostPaths: [],
      network: false,
    });
    cradle.machine(uid).shares.begin({ disks: [{ at: 'volumes/0', type: 'share' }] });
    seats.push({ uid, vm, index: 0, at: 'volumes/0', brief: uid.startsWith('brief') });
  }
  const roles = (): string[] => volumes.holders(key).map(({ podId, role }) => `${podId} ${role}`);
  return { clock, volumes, cradle, share, seats, roles };
}

test('a guest that does not mount the disk in time gives it back; when nobody can, all are asked again later', async () => {
  const { clock, volumes, cradle, share, seats, roles } = await sharers(['p1', 'p2']);
  cradle.machine('p1').shares.holdFailure = new Error('bad magic');
  cradle.machine('p2').hung = true;
  const joined = seats.map((seat) => share.join(seat));
  await turns();
  assert.deepEqual(cradle.machine('p1').calls, [], 'it waits while another may keep it');
  await volumes.detachAll('gone');
  share.look();
  await turns();
  assert.deepEqual(roles(), ['p1 sharer', 'p2 keeper']);
  assert.deepEqual(cradle.machine('p1').calls, ['taken 0', 'hold volumes/0', 'elsewhere 0']);
  await clock.advance(60_000);
  await turns();
  assert.deepEqual(roles(), ['p1 sharer', 'p2 sharer']);
  assert.match(share.fault ?? '', /was not mounted within/);
  cradle.machine('p1').shares.holdFailure = undefined;
  await clock.advance(999);
  await turns();
  assert.deepEqual(roles(), ['p1 sharer', 'p2 sharer']);
  await clock.advance(1);
  await turns();
  assert.deepEqual(roles(), ['p1 keeper', 'p2 sharer']);
  assert.equal(share.fault, undefined);
  await joined[0];
  share.close();
});

test('one that will soon be gone is asked last', async () => {
  const { volumes, share, seats, roles } = await sharers(['brief', 'p1']);
  const joined = seats.map((seat) => share.join(seat));
  await volumes.detachAll('gone');
  share.look();
  await Promise.all(joined);
  assert.deepEqual(roles(), ['brief sharer', 'p1 keeper']);
  share.close();
});

test('a guest that is lost for a moment is asked again, one that has ended is not', async () => {
  const { clock, volumes, cradle, share, seats, roles } = await sharers(['p1', 'p2']);
  const lost = cradle.machine('p1');
  lost.dead = true;
  for (const seat of seats) share.join(seat).catch(() => {});
  await volumes.detachAll('gone');
  share.look();
  await turns();
  lost.dead = false;
  await clock.advance(50);
  await turns();
  assert.deepEqual(roles(), ['p1 keeper', 'p2 sharer']);
  cradle.crash('p1');
  await volumes.detachAll('p1');
  cradle.machine('p2').dead = true;
  share.look();
  await turns();
  cradle.crash('p2');
  await clock.advance(50);
  await turns();
  await volumes.detachAll('p2');
  share.look();
  await turns();
  assert.ok(share.isEmpty);
  assert.equal(share.fault, undefined);
  share.close();
});
