import { KraudError } from '@kraud/base';
import { askKra } from '../../kra-client.ts';
import { type HostView, type Output, pathOf } from './view.ts';

export interface Change {
  cordoned?: boolean;
  drained?: boolean;
  labels?: Record<string, string | null>;
}

/** Changes hosts one after the other; `said` is what is told of each. */
export async function changeHosts(
  names: readonly string[],
  change: Change,
  said: (host: HostView) => string,
  options: Output,
): Promise<void> {
  const changed: HostView[] = [];
  for (const name of names) {
    const ask = { method: 'PATCH', path: pathOf(name), body: change } as const;
    const host = await askKra<HostView>(options.socket, ask);
    changed.push(host);
    if (!options.json) console.log(said(host));
  }
  if (options.json) console.log(JSON.stringify(changed));
}

export const drainTold = ({ name, pods }: HostView): string =>
  `${name} is drained: it takes no new pods, and ${pods.length === 1 ? 'its one pod moves' : `its ${pods.length} pods move`} away`;

/**
 * | argument    | change         |
 * | ----------- | -------------- |
 * | `kr.zone=a` | set to `a`     |
 * | `ssd=`      | set, to ''     |
 * | `ssd-`      | taken away     |
 */
export function parseLabels(args: readonly string[]): Record<string, string | null> {
  const labels: Record<string, string | null> = {};
  for (const arg of args) {
    const at = arg.indexOf('=');
    const key = at < 0 ? arg.replace(/-$/, '') : arg.slice(0, at);
    if (key === '' || (at < 0 && !arg.endsWith('-'))) {
      throw new KraudError('invalid', `'${arg}' is not KEY=VALUE, nor KEY- to take a label away`);
    }
    if (key in labels) throw new KraudError('invalid', `the label ${key} is given twice`);
    labels[key] = at < 0 ? null : arg.slice(at + 1);
  }
  return labels;
}
