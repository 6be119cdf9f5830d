import { compactId, KraudError } from '@kraud/base';
import type { Container, Host, Pod, PodTemplate, Workload } from '../model/index.ts';

/** Marks pods in which facts of their host are still to be filled in. */
export const unfilledAnnotation = 'kraud.dev/fill-in-host';

/** What the placeholders of a pod's template stand for. The host is known from the beginning in a global mode only. */
export interface Facts {
  readonly workload: Workload;
  readonly uid: string;
  readonly name: string;
  readonly slot: string;
  readonly host: Host | undefined;
}

/** Something that a template asks for by a function: `{{env "HOME"}}`. */
type Call = (name: string, argument: string) => string;

/** Undefined: not known yet, the placeholder stays. */
type Lookup = (path: readonly string[], key: string | undefined) => string | undefined;

/**
 * A template with its placeholders filled in, in env, hostname and mounts, as Swarm does. A placeholder that is none is
 * `invalid`; so is a label that the service doesn't have.
 */
export function fillTemplate(template: PodTemplate, facts: Facts): PodTemplate {
  if (!template.templated) return template;
  const spec = fillSpec(template.spec, (path, key) => factOf(path, key, facts));
  const unfilled = facts.host === undefined && JSON.stringify(spec).includes('{{');
  const annotations = unfilled
    ? { ...template.annotations, [unfilledAnnotation]: 'true' }
    : template.annotations;
  return { ...template, spec, annotations };
}

/** Fills in what could not be known before the pod had a host. */
export function fillHost(pod: Pod, host: Host): Pod {
  if (pod.meta.annotations[unfilledAnnotation] === undefined) return pod;
  const { [unfilledAnnotation]: _, ...annotations } = pod.meta.annotations;
  const spec = fillSpec(pod.spec, (path) => hostFact(path, host));
  return { ...pod, meta: { ...pod.meta, annotations }, spec };
}

type Filled = Pick<Pod['spec'], 'hostname' | 'containers'>;

function fillSpec<S extends Filled>(spec: S, lookup: Lookup): S {
  const fill = (text: string): string => fillText(text, lookup);
  return {
    ...spec,
    hostname: fill(spec.hostname),
    containers: spec.containers.map((container) => ({
      ...container,
      env: container.env.map(fill),
      mounts: container.mounts.map((mount) => fillMount(mount, fill)),
    })),
  };
}

function fillMount(
  mount: Container['mounts'][number],
  fill: (text: string) => string,
): Container['mounts'][number] {
  const filled = { ...mount, target: fill(mount.target) };
  if (filled.type === 'volume') {
    const subpath = filled.subpath === undefined ? {} : { subpath: fill(filled.subpath) };
    return { ...filled, volume: fill(filled.volume), ...subpath };
  }
  return filled.type === 'host' ? { ...filled, source: fill(filled.source) } : filled;
}

const placeholder = /\{\{-?\s*(.*?)\s*-?\}\}/g;
const fieldPath = /^((?:\.[A-Za-z_][A-Za-z0-9_]*)+)$/;
const indexOf = /^index\s+((?:\.[A-Za-z]+)+)\s+"([^"]*)"$/;
const functionCall = /^(env|secret|config)\s+"([^"]*)"$/;

/**
 * | text                                       | is                    |
 * | ------------------------------------------ | --------------------- |
 * | `{{.Service.Name}}-{{.Task.Slot}}`         | `web-1`               |
 * | `{{index .Service.Labels "com.example.x"}}` | the value of the label |
 */
export function fillText(text: string, lookup: Lookup, call?: Call): string {
  return text.replace(placeholder, (whole: string, inner: string) => {
    const [, name, argument = ''] = functionCall.exec(inner) ?? [];
    if (name !== undefined && call) return call(name, argument);
    const [, path] = fieldPath.exec(inner) ?? [];
    const [, indexed, key] = indexOf.exec(inner) ?? [];
    const dotted = path ?? indexed;
    if (dotted === undefined) throw new KraudError('invalid', `invalid template: ${whole} is not supported`);
    return lookup(dotted.slice(1).split('.'), key) ?? whole;
  });
}

export function factOf(path: readonly string[], key: string | undefined, facts: Facts): string | undefined {
  const { workload, uid, name, slot, host } = facts;
  const [noun, field, more] = path;
  if (noun === 'Node') {
    if (host) return hostFact(path, host);
    if (!isHostField(path)) throw unknown(path);
    return undefined;
  }
  if (noun === 'Service' && field === 'Labels') {
    const label = key ?? more;
    const value = label === undefined ? undefined : workload.meta.labels[label];
    if (value === undefined) throw new KraudError('invalid', `invalid template: no label ${label ?? ''}`);
    return value;
  }
  if (key !== undefined || path.length !== 2) throw unknown(path);
  const known: Record<string, string> = {
    'Service.ID': compactId(workload.meta.uid),
    'Service.Name': workload.meta.name,
    'Task.ID': compactId(uid),
    'Task.Name': name,
    'Task.Slot': isGlobal(workload) && host ? compactId(host.meta.uid) : slot,
  };
  const value = known[path.join('.')];
  if (value === undefined) throw unknown(path);
  return value;
}

function isGlobal({ spec }: Workload): boolean {
  return spec.mode.type === 'global' || spec.mode.type === 'global-job';
}

const hostFields: Readonly<Record<string, (host: Host) => string>> = {
  'Node.ID': (host) => compactId(host.meta.uid),
  'Node.Hostname': (host) => host.meta.name,
  'Node.Platform.OS': () => 'linux',
  'Node.Platform.Architecture': (host) => host.status.architecture,
};

function isHostField(path: readonly string[]): boolean {
  return path.join('.') in hostFields;
}

function hostFact(path: readonly string[], host: Host): string {
  const field = hostFields[path.join('.')];
  if (!field) throw unknown(path);
  return field(host);
}

function unknown(path: readonly string[]): KraudError {
  return new KraudError('invalid', `invalid template: there is no .${path.join('.')}`);
}
