import type { Call } from '../call.ts';
import { type Operation, yes } from '../operation.ts';
import { stopTimeoutMs } from './draft/draft.ts';

/** `signal` and `t`, as stop and restart take them. */
export const stopParams = { signal: yes('text'), t: yes('number', 'seconds; -1 waits for ever') } as const;

export function stopOptions(call: Call): { signal?: string; timeoutMs?: number } {
  const signal = call.query.text('signal');
  const seconds = call.query.number('t');
  return {
    ...(signal === '' ? {} : { signal }),
    ...(seconds === undefined ? {} : { timeoutMs: stopTimeoutMs(seconds) }),
  };
}

export const stopContainer: Operation = {
  method: 'POST',
  path: '/containers/:id/stop',
  params: stopParams,
  async run({ pods }, call) {
    await pods.stop(call.caller, call.param('id'), stopOptions(call));
    call.empty(204);
  },
};
