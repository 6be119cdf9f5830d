import assert from 'node:assert/strict';
import { test } from 'node:test';
import { packetsIn } from './counters.ts';

const text = `Inter-|   Receive                                                |  Transmit
 face |bytes    packets errs drop fifo frame compressed multicast|bytes    packets errs drop fifo colls carrier compressed
    lo:       0       0    0    0    0     0          0         0        0       0    0    0    0     0       0          0
   up0:      90       1    2    3    4     5          6         7      176       9    8    7    6     5       4          3
tap0123456789ab:1234567890123 12 0 0 0 0 0 0 176 30 0 0 0 0 0 0
  cut:      90       1    0
`;

test('packets of both directions are counted for each device', () => {
  const expected = { lo: 0, up0: 10 };
  assert.deepEqual(Object.fromEntries(packetsIn(text)), expected);
  assert.deepEqual(packetsIn(''), new Map());
});
