import type { ImageFacts, Pod } from '@kraud/cloud';
import type { CreateBody, HealthBody } from '../draft/body.ts';
import { givenBody, mainOf } from './given.ts';
import { exposedOf } from './networks.ts';
import { signalName } from './signal-name.ts';

const words = (value: string | string[] | undefined): string[] | null =>
  value === undefined ? null : typeof value === 'string' ? [value] : value;

/** `Config` of inspect: what holds, with entrypoint and command told apart as they were given. */
export function configOf(pod: Pod, image: ImageFacts | undefined): Record<string, unknown> {
  const given: CreateBody = givenBody(pod) ?? {};
  const { spec } = mainOf(pod);
  const exposed = exposedOf(pod, image);
  const volumes = [...Object.keys(given.Volumes ?? {}), ...(image?.config.volumes ?? [])];
  return {
    Hostname: pod.spec.hostname,
    Domainname: pod.spec.domainname,
    User: spec.user,
    AttachStdin: given.AttachStdin ?? false,
    AttachStdout: given.AttachStdout ?? false,
    AttachStderr: given.AttachStderr ?? false,
    ...(exposed.length > 0 ? { ExposedPorts: keysOf(exposed) } : {}),
    Tty: spec.tty,
    OpenStdin: spec.stdin,
    StdinOnce: spec.stdinOnce,
    Env: envOf(pod, image),
    ...commandOf(pod, image),
    Image: spec.image.name,
    Volumes: volumes.length > 0 ? keysOf(volumes) : null,
    WorkingDir: image && !given.WorkingDir && !image.config.workingDir ? '' : spec.cwd,
    OnBuild: given.OnBuild ?? null,
    Labels: pod.meta.labels,
    ...(given.MacAddress ? { MacAddress: given.MacAddress } : {}),
    ...(given.StopSignal
      ? { StopSignal: given.StopSignal }
      : image?.config.stopSignal
        ? { StopSignal: signalName(spec.stopSignal) }
        : {}),
    ...(given.NetworkDisabled ? { NetworkDisabled: true } : {}),
    ...(given.StopTimeout === undefined ? {} : { StopTimeout: given.StopTimeout }),
    ...(given.Shell ? { Shell: given.Shell } : {}),
    ...healthOf(pod, image),
  };
}

/**
 * What was asked for, then the image's, with placeholders filled in. A variable without a value stands here too, though no
 * process gets it; a `PATH` that nobody named doesn't.
 */
function envOf(pod: Pod, image: ImageFacts | undefined): string[] {
  const { env } = mainOf(pod).spec;
  const given = givenBody(pod);
  if (!given || !image) return env;
  const nameOf = (line: string): string => line.split('=', 1)[0] ?? '';
  const own = new Set((given.Env ?? []).map(nameOf));
  const named = new Set([...own, ...(image.config.env ?? []).map(nameOf)]);
  const isOwn = (line: string): boolean => own.has(nameOf(line));
  return [...env.filter(isOwn), ...env.filter((line) => !isOwn(line) && named.has(nameOf(line)))];
}

/** The parts that somebody has set: zero means the default, and isn't shown. */
function healthOf(pod: Pod, image: ImageFacts | undefined): { Healthcheck?: HealthBody } {
  const given = givenBody(pod)?.Healthcheck ?? {};
  if (given.Test?.[0] === 'NONE') return { Healthcheck: { Test: ['NONE'] } };
  const { health } = mainOf(pod).spec;
  if (!health) return {};
  const { intervalNs, timeoutNs, startPeriodNs, startIntervalNs, retries } = image?.config.healthcheck ?? {};
  const shown = {
    Interval: given.Interval || intervalNs,
    Timeout: given.Timeout || timeoutNs,
    StartPeriod: given.StartPeriod || startPeriodNs,
    StartInterval: given.StartInterval || startIntervalNs,
    Retries: given.Retries || retries,
  };
  const set = Object.entries(shown).filter(([, value]) => value);
  return { Healthcheck: { Test: health.test, ...Object.fromEntries(set) } };
}

function commandOf(
  pod: Pod,
  image: ImageFacts | undefined,
): { Cmd: string[] | null; Entrypoint: string[] | null } {
  const given = givenBody(pod);
  if (!given || !image) return { Cmd: mainOf(pod).spec.args, Entrypoint: null };
  const entrypoint = words(given.Entrypoint);
  const cmd = words(given.Cmd);
  const own = (list: string[] | null): boolean => list !== null && list.length > 0;
  return {
    Cmd: own(cmd) ? cmd : own(entrypoint) ? null : (image.config.cmd ?? null),
    Entrypoint: own(entrypoint)
      ? entrypoint?.[0] === ''
        ? null
        : entrypoint
      : (image.config.entrypoint ?? null),
  };
}

export function keysOf(names: readonly string[]): Record<string, object> {
  return Object.fromEntries(names.map((name) => [name, {}]));
}
