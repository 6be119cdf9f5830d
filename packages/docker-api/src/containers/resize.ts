import { KraudError } from '@kraud/base';
import type { TerminalSize } from '@kraud/cloud';
import type { Call } from '../call.ts';
import { type Operation, yes } from '../operation.ts';
import { recordPodEvent } from '../record.ts';

export const sizeParams = { h: yes('number', 'rows'), w: yes('number', 'columns') } as const;

export function sizeOf(call: Call): TerminalSize {
  return { rows: cells(call, 'h'), cols: cells(call, 'w') };
}

function cells(call: Call, name: string): number {
  const value = call.query.number(name);
  if (value === undefined || value < 0 || value > 65_535) {
    throw new KraudError(
      'invalid',
      `invalid value for ${name}: "${call.query.text(name)}" is not a terminal's size`,
    );
  }
  return value;
}

export const resizeContainer: Operation = {
  method: 'POST',
  path: '/containers/:id/resize',
  params: sizeParams,
  async run(cloud, call) {
    const size = sizeOf(call);
    const pod = await cloud.pods.get(call.caller, call.param('id'));
    await cloud.pods.resize(call.caller, pod.meta.uid, size);
    const attributes = { height: String(size.rows), width: String(size.cols) };
    recordPodEvent(cloud, call, 'resize', pod, attributes);
    call.empty(200);
  },
};
