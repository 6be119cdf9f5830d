import type { Cloud, Host } from '@kraud/cloud';
import type { Call } from '../call.ts';

/** Tells of what a client did to a node, and what `changes` by it: `availability.old`, `availability.new`. */
export async function recordNode(
  { events }: Pick<Cloud, 'events'>,
  call: Call,
  action: string,
  { meta }: Host,
  changes: Record<string, string> = {},
): Promise<void> {
  const attributes = { name: meta.name, ...changes };
  await events.record(call.caller, { type: 'node', action, actor: meta.uid, attributes });
}
