import assert from 'node:assert/strict';
import { test } from 'node:test';
import { splitSysctls } from './sysctls.ts';

test('parameters of the IPC namespace go to containers, which have one each', () => {
  const given = {
    'net.core.somaxconn': '1',
    'kernel.msgmax': '2',
    'fs/mqueue/msg_max': '3',
    'kernel.pid_max': '4',
  };
  assert.deepEqual(splitSysctls(given), {
    pod: { 'net.core.somaxconn': '1', 'kernel.pid_max': '4' },
    container: { 'kernel.msgmax': '2', 'fs.mqueue.msg_max': '3' },
  });
});
