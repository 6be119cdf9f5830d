import type { ExecSpec } from '@kraud/host';
import type { Container } from '@kraud/macro';

/**
 * The container's variables, overlaid by the exec's. `TERM`, which a terminal brings along, belongs to a process that has
 * one: a name without a value keeps it away, unless it is named.
 */
export function execEnv(
  container: Pick<Container, 'env' | 'tty'>,
  exec: Pick<ExecSpec, 'env' | 'tty'>,
): string[] {
  return [...(container.tty && !exec.tty ? ['TERM'] : []), ...container.env, ...exec.env];
}
