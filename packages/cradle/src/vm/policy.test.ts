import assert from 'node:assert/strict';
import { test } from 'node:test';
import { judge, type Verdict, type VmRequest, type VmState } from './policy.ts';

const table: Record<VmState, Record<VmRequest, Verdict>> = {
  running: { suspend: 'do', resume: 'done', stop: 'do', kill: 'do', take: 'do', drop: 'do', sleep: 'do' },
  suspended: {
    suspend: 'done',
    resume: 'do',
    stop: 'do',
    kill: 'do',
    take: 'refuse',
    drop: 'refuse',
    sleep: 'refuse',
  },
  stopping: {
    suspend: 'refuse',
    resume: 'refuse',
    stop: 'do',
    kill: 'do',
    take: 'refuse',
    drop: 'refuse',
    sleep: 'refuse',
  },
  gone: {
    suspend: 'refuse',
    resume: 'refuse',
    stop: 'done',
    kill: 'done',
    take: 'refuse',
    drop: 'refuse',
    sleep: 'refuse',
  },
};

for (const [state, verdicts] of Object.entries(table) as [VmState, Record<VmRequest, Verdict>][]) {
  test(`a VM that is ${state}`, () => {
    for (const [request, verdict] of Object.entries(verdicts) as [VmRequest, Verdict][]) {
      assert.equal(judge(state, request), verdict, request);
    }
  });
}
