import { KraudError } from '@kraud/base';
import type { Constraint, Placement } from '@kraud/cloud';
import type { TaskBody } from '../body.ts';
import { genericOf } from './generic.ts';

const nanoPerCpu = 1e9;
const prefix = 'node.labels.';
const enginePrefix = 'engine.labels.';
const pattern = /^\s*([a-zA-Z0-9_.\-/]+)\s*(==|!=)\s*(.*?)\s*$/;

/** Docker's names of a node's facts, and the cloud's. */
const facts: Record<string, string> = {
  'node.hostname': 'kr.host',
  'node.role': 'kr.role',
  'node.platform.os': 'kr.os',
  'node.platform.arch': 'kr.arch',
};
const knownFacts =
  'node.id, node.hostname, node.role, node.platform.os, node.platform.arch, node.labels.… and engine.labels.…';
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
 * | `engine.labels.disk==ssd`   | label `engine.labels.disk` |
 */
export function placementOf(body: TaskBody, hostOfNode: (id: string) => string | undefined): Placement {
  const { Constraints: constraints = [], Preferences: preferences = [] } = body.Placement ?? {};
  const { Platforms: platforms = [], MaxReplicas: perHostMax = 0 } = body.Placement ?? {};
  const { NanoCPUs: cpus = 0, MemoryBytes: memoryBytes = 0 } = body.Resources?.Reservations ?? {};
  const generic = genericOf(body.Resources?.Reservations?.GenericResources);
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
      topology: topologyOf(spread?.SpreadDescriptor ?? ''),
      labels: {},
      maxSkew: 1,
      required: false,
    })),
    ...(perHostMax > 0 ? { perHostMax } : {}),
    ...(generic.length > 0 ? { generic } : {}),
  };
}

function constraintOf(text: string, hostOfNode: (id: string) => string | undefined): Constraint {
  const [, name = '', operator = '', value = ''] = pattern.exec(text) ?? [];
  if (name === '' || value === '')
    throw new KraudError('invalid', `constraint expected one operator from ==, !=: ${text}`);
  const op = operator === '==' ? 'in' : 'not-in';
  if (name === 'node.id') return { key: 'kr.host', op, values: [hostOfNode(value) ?? value] };
  const key = factOf(name);
  if (key === undefined) {
    throw new KraudError('unsupported', `constraint on ${name} is not supported: ${knownFacts} are`);
  }
  return { key, op, values: [key === 'kr.arch' ? plainArchitecture(value) : value] };
}

/** The cloud's name of what Docker's clients call so. */
function factOf(name: string): string | undefined {
  if (name.startsWith(enginePrefix) && name !== enginePrefix) return name;
  return facts[name] ?? (name.startsWith(prefix) ? name.slice(prefix.length) || undefined : undefined);
}

/** As with Swarm, one that no node has spreads over nothing; `warningsOf` says so. */
function topologyOf(descriptor: string): string {
  if (descriptor === '')
    throw new KraudError('invalid', 'Placement.Preferences: a spread needs a descriptor');
  return factOf(descriptor) ?? descriptor;
}

/** What is accepted, and can't have an effect. */
export function placementWarnings({
  Preferences: preferences = [],
}: NonNullable<TaskBody['Placement']>): string[] {
  const descriptors = preferences.map(({ Spread: spread }) => spread?.SpreadDescriptor ?? '');
  return descriptors
    .filter((descriptor) => factOf(descriptor) === undefined)
    .map((descriptor) => `no node has ${descriptor}, so nothing is spread by it: ${knownFacts} can be`);
}

/** One of several platforms is enough; one that leaves the fact open asks for nothing. */
function anyOf(key: string, values: readonly string[]): Constraint[] {
  if (values.length === 0 || values.includes('')) return [];
  return [{ key, op: 'in', values: [...new Set(values)] }];
}
