import type { ImageFacts, Pod } from '@kraud/cloud';
import type { CreateBody } from '../draft/body.ts';
import { givenBody, mainOf } from './given.ts';
import { exposedOf } from './networks.ts';
import { signalName } from './signal-name.ts';

const words = (value: string | string[] | undefined): string[] | null =>
  value === undefined ? null : typeof value === 'string' ? [value] : value;

/** `Config` of inspect: what holds, with entrypoint and command told apart as they were given. */
export function configOf(pod: Pod, image: ImageFacts | undefined): Record<string, unknown> {
  const given: CreateBody = givenBody(pod) ?? {};
  const { spec } = mainOf(pod);
  const health = spec.health;
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
    Env: spec.env,
    ...commandOf(pod, image),
    Image: spec.image.name,
    Volumes: volumes.length > 0 ? keysOf(volumes) : null,
    WorkingDir: given.WorkingDir ?? image?.config.workingDir ?? spec.cwd,
    OnBuild: given.OnBuild ?? null,
    Labels: pod.meta.labels,
    ...(given.MacAddress ? { MacAddress: given.MacAddress } : {}),
    ...(given.StopSignal || image?.config.stopSignal ? { StopSignal: signalName(spec.stopSignal) } : {}),
    ...(given.StopTimeout === undefined ? {} : { StopTimeout: given.StopTimeout }),
    ...(given.Shell ? { Shell: given.Shell } : {}),
    ...(health
      ? {
          Healthcheck: {
            Test: health.test,
            Interval: health.intervalMs * 1e6,
            Timeout: health.timeoutMs * 1e6,
            StartPeriod: health.startPeriodMs * 1e6,
            StartInterval: health.startIntervalMs * 1e6,
            Retries: health.retries,
          },
        }
      : given.Healthcheck?.Test?.[0] === 'NONE'
        ? { Healthcheck: { Test: ['NONE'] } }
        : {}),
  };
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
