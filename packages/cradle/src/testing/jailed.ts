import assert from 'node:assert/strict';
import { readFileSync, readlinkSync, statSync } from 'node:fs';

function procStatus(pid: number, field: string): string {
  const text = readFileSync(`/proc/${pid}/status`, 'utf8');
  return new RegExp(`^${field}:[ \\t]*(.*)$`, 'm').exec(text)?.[1] ?? '';
}

/** A VMM without host paths, or a thread of it, has nothing but its own; `other` is another VM's. */
export function assertJailed(pid: number, other: number): void {
  for (const set of ['CapInh', 'CapPrm', 'CapEff', 'CapBnd', 'CapAmb'])
    assert.match(procStatus(pid, set), /^0+$/);
  assert.equal(procStatus(pid, 'NoNewPrivs'), '1');
  assert.equal(procStatus(pid, 'Seccomp'), '2');
  assert.notEqual(procStatus(pid, 'Uid').split('\t')[0], '0');
  assert.notEqual(procStatus(pid, 'Uid'), procStatus(other, 'Uid'));
  assert.equal(procStatus(pid, 'Groups').trim(), '');
  for (const namespace of ['mnt', 'pid', 'net', 'ipc', 'uts']) {
    const own = readlinkSync(`/proc/${pid}/ns/${namespace}`);
    assert.notEqual(own, readlinkSync(`/proc/self/ns/${namespace}`));
    assert.notEqual(own, readlinkSync(`/proc/${other}/ns/${namespace}`));
  }
  const mounts = readFileSync(`/proc/${pid}/mountinfo`, 'utf8')
    .trim()
    .split('\n')
    .map((line) => line.split(' '));
  const writable = mounts.filter((fields) => fields[5]?.startsWith('rw')).map((fields) => fields[4]);
  assert.deepEqual(writable.sort(), ['/disks', '/run']);
  assert.ok(
    !mounts.some((fields) => fields[3] === '/' && fields[4] !== '/'),
    'no mount shows the root of a host file system but tmpfs',
  );
  for (const dir of ['disks', 'run']) assert.equal(statSync(`/proc/${pid}/root/${dir}`).uid, 0);
}
