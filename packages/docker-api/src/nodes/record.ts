import type { Cloud, Host } from '@kraud/cloud';
import type { Call } from '../call.ts';

/** Tells of what a client did to a node. */
export async function recordNode(
  { events }: Pick<Cloud, 'events'>,
  call: Call,
  action: string,
  { meta }: Host,
): Promise<void> {
  const attributes = { name: meta.name };
  await events.record(call.caller, { type: 'node', action, actor: meta.uid, attributes });
}
