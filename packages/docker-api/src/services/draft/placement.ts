import { KraudError } from '@kraud/base';
import type { Constraint, Placement } from '@kraud/cloud';
import type { TaskBody } from '../body.ts';

const nanoPerCpu = 1e9;
const prefix = 'node.labels.';
const pattern = /^\s*([a-zA-Z0-9_.\-/]+)\s*(==|!=)\s*(.*?)\s*$/;

/** Docker's names of a node's facts, and the cloud's. */
const facts: Record<string, string> = {
  'node.hostname': 'kr.host',
  'node.role': 'kr.role',
  'node.platform.os': 'kr.os',
  'node.platform.arch': 'kr.arch',
};
const architectures: Record<string, string> = { x86_64: 'amd64', aarch64: 'arm64' };
const plainArchitecture = (name: string): string => architectures[name] ?? name;

/**
 * Where tasks may run.
 *
 * | constraint                  | is                         |
 * | --------------------------- | -------------------------- |
 * | `node.labels.zone==a`       | label `zone` in `a`        |
 * | `node.role!=manager`        | fact `kr.role` not `manager` |
 * | `node.id==8kb…`             | the name of that host      |
 */
export function placementOf(body: TaskBody, hostOfNode: (id: string) => string | undefined): Placement {
  const { Constraints: constraints = [], Preferences: preferences = [] } = body.Placement ?? {};
  const { Platforms: platforms = [], MaxReplicas: perHostMax = 0 } = body.Placement ?? {};
  const { NanoCPUs: cpus = 0, MemoryBytes: memoryBytes = 0 } = body.Resources?.Reservations ?? {};
  if (perHostMax < 0) throw new KraudError('invalid', 'Placement.MaxReplicas must not be negative');
  if (cpus < 0 || memoryBytes < 0) throw new KraudError('invalid', 'reservations must not be negative');
  return {
    band: 'production',
    ...(cpus || memoryBytes ? { requests: { cpus: cpus / nanoPerCpu, memoryBytes } } : {}),
    constraints: [
      ...constraints.map((text) => constraintOf(text, hostOfNode)),
      ...anyOf(
        'kr.arch',
        platforms.map((platform) => plainArchitecture(platform.Architecture ?? '')),
      ),
      ...anyOf(
        'kr.os',
        platforms.map((platform) => platform.OS ?? ''),
      ),
    ],
    prefer: [],
    near: [],
    far: [],
    tolerations: [],
    spread: preferences.map(({ Spread: spread }) => ({
      topology: factOf(spread?.SpreadDescriptor ?? '', 'preference'),
      labels: {},
      maxSkew: 1,
      required: false,
    })),
    ...(perHostMax > 0 ? { perHostMax } : {}),
  };
}

function constraintOf(text: string, hostOfNode: (id: string) => string | undefined): Constraint {
  const [, name = '', operator = '', value = ''] = pattern.exec(text) ?? [];
  if (name === '' || value === '')
    throw new KraudError('invalid', `constraint expected one operator from ==, !=: ${text}`);
  const op = operator === '==' ? 'in' : 'not-in';
  if (name === 'node.id') return { key: 'kr.host', op, values: [hostOfNode(value) ?? value] };
  const key = factOf(name, 'constraint');
  return { key, op, values: [key === 'kr.arch' ? plainArchitecture(value) : value] };
}

function factOf(name: string, what: string): string {
  const fact = facts[name] ?? (name.startsWith(prefix) ? name.slice(prefix.length) : '');
  if (fact === '') {
    throw new KraudError(
      'unsupported',
      `${what} on ${name || 'nothing'} is not supported: node.id, node.hostname, node.role, node.platform.os, node.platform.arch and node.labels.… are`,
    );
  }
  return fact;
}

/** One of several platforms is enough; one that leaves the fact open asks for nothing. */
function anyOf(key: string, values: readonly string[]): Constraint[] {
  if (values.length === 0 || values.includes('')) return [];
  return [{ key, op: 'in', values: [...new Set(values)] }];
}
