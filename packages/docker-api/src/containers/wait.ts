import { KraudError } from '@kraud/base';
import type { WaitCondition } from '@kraud/cloud';
import { type Operation, yes } from '../operation.ts';

const conditionsFrom = 30;

export const waitContainer: Operation = {
  method: 'POST',
  path: '/containers/:id/wait',
  params: { condition: yes('text', 'not-running, next-exit, removed; from API 1.30 on') },
  async run({ pods }, call) {
    const condition = call.minor < conditionsFrom ? 'not-running' : conditionOf(call.query.text('condition'));
    const { signal } = call;
    // The headers say that the wait is registered: the client starts the container once it has them.
    const ready = (): void => {
      if (call.minor >= conditionsFrom) call.open('application/json');
    };
    const { exitCode, error } = await pods.wait(call.caller, call.param('id'), condition, { ready, signal });
    const answer = { StatusCode: exitCode, ...(error === '' ? {} : { Error: { Message: error } }) };
    if (call.res.headersSent) call.res.end(`${JSON.stringify(answer)}\n`);
    else call.json(200, answer);
  },
};

function conditionOf(text: string): WaitCondition {
  if (text === '' || text === 'not-running') return 'not-running';
  if (text === 'next-exit' || text === 'removed') return text;
  throw new KraudError('invalid', `invalid condition: "${text.slice(0, 100)}"`);
}
