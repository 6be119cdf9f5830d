import assert from 'node:assert/strict';
import { test } from 'node:test';
import { learnedIn, missedIn, notedIn, waitingIn } from './neighbours.ts';

test('the kernel’s question for an address is told from all other lines', () => {
  const asked = { address: '10.9.0.5', device: 'tapx' };
  assert.deepEqual(missedIn('miss 10.9.0.5 dev tapx INCOMPLETE '), asked);
  assert.deepEqual(missedIn('miss 10.9.0.5 dev tapx  INCOMPLETE'), asked);
  assert.deepEqual(waitingIn('10.9.0.5 dev tapx INCOMPLETE '), asked);
  for (const line of [
    '',
    '10.9.0.5 dev tapx INCOMPLETE ',
    '10.9.0.5 dev tapx FAILED ',
    'Deleted 10.9.0.5 dev tapx FAILED ',
    '10.9.0.5 dev tapx lladdr 02:00:00:00:00:05 PERMANENT ',
    'miss fe80::1 dev tapx INCOMPLETE ',
    'miss 10.9.0.5 dev tap x INCOMPLETE ',
    'miss 10.9.0.5 dev tapx lladdr 02:00:00:00:00:05 PROBE ',
    'miss 10.9.0.5 dev tapx INCOMPLETE miss 10.9.0.6 dev tapy INCOMPLETE',
    'miss 10.9.0.5 dev tap0123456789abc INCOMPLETE',
  ]) {
    assert.equal(missedIn(line), undefined, line);
  }
  assert.equal(waitingIn('miss 10.9.0.5 dev tapx INCOMPLETE '), undefined);
  assert.equal(waitingIn('10.9.0.5 dev tapx FAILED '), undefined);
});

test('a neighbour that was noted by hand is told with what it was noted with', () => {
  const line = '127.0.0.1 dev up0 lladdr 02:00:00:00:00:77 PERMANENT ';
  assert.equal(notedIn(line), '02:00:00:00:00:77');
  assert.equal(notedIn(`Deleted ${line}`), undefined);
  assert.equal(notedIn('127.0.0.1 dev up0 FAILED '), undefined);
});

test('a neighbour that has told where it is is told from one that was noted by hand', () => {
  const line = '10.9.0.5 dev tapx lladdr 02:00:00:00:00:05';
  const told = { address: '10.9.0.5', device: 'tapx' };
  assert.deepEqual(learnedIn(`${line} REACHABLE `), told);
  assert.deepEqual(learnedIn(`${line} STALE `), told);
  for (const other of [`${line} PERMANENT `, `Deleted ${line} STALE `, '10.9.0.5 dev tapx FAILED ', line]) {
    assert.equal(learnedIn(other), undefined, other);
  }
});
