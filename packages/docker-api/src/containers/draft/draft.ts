import { isIP } from 'node:net';
import { KraudError } from '@kraud/base';
import type { PodDraft, RestartPolicy } from '@kraud/cloud';
import type { CreateBody, HostBody } from './body.ts';
import { devicesOf } from './devices.ts';
import { healthOf } from './health.ts';
import { logOf } from './log.ts';
import { type HostSource, mountsOf } from './mounts.ts';
import { networksOf } from './network.ts';
import { exposedOf, portsOf } from './ports.ts';
import { cpusOf, resourcesOf, rlimitsOf } from './resources.ts';
import { securityOf } from './security.ts';
import { writableBytesOf } from './storage.ts';
import { volumesFromOf } from './volumes-from.ts';

/**
 * A `create` body in the cloud's words. Only translates: what is left out stays out, so that the image and the cloud
 * decide. `hostSources` are paths of this host that must be looked at before the pod is made.
 */
export function draftOf(
  body: CreateBody,
  context: { name: string; sockets: readonly string[] },
): { draft: PodDraft; hostSources: HostSource[] } {
  const host: HostBody = body.HostConfig ?? {};
  refuseContradictions(host);
  const { mounts, hostSources } = mountsOf(body, host, context.sockets);
  const security = securityOf(host);
  const size = host.ConsoleSize;
  const health = healthOf(body.Healthcheck);
  const log = logOf(host.LogConfig);
  const writableBytes = writableBytesOf(host.StorageOpt);
  const cpus = cpusOf(host);
  const draft: PodDraft = {
    name: context.name,
    labels: body.Labels ?? {},
    annotations: host.Annotations ?? {},
    given: { docker: body },
    container: {
      image: body.Image ?? '',
      ...commandOf(body),
      env: body.Env ?? [],
      ...(body.WorkingDir ? { cwd: body.WorkingDir } : {}),
      ...(body.User ? { user: body.User } : {}),
      groups: host.GroupAdd ?? [],
      tty: body.Tty ?? false,
      stdin: body.OpenStdin ?? false,
      stdinOnce: body.StdinOnce ?? false,
      ...(size?.[0] && size[1] ? { size: { rows: size[0], cols: size[1] } } : {}),
      init: host.Init ?? false,
      capAdd: host.CapAdd ?? [],
      capDrop: host.CapDrop ?? [],
      privileged: host.Privileged ?? false,
      ...security,
      rlimits: rlimitsOf(host.Ulimits ?? []),
      resources: resourcesOf(host),
      ...(host.ShmSize ? { shmBytes: host.ShmSize } : {}),
      ...(host.Devices?.length ? { devices: devicesOf(host.Devices) } : {}),
      readOnlyRoot: host.ReadonlyRootfs ?? false,
      mounts,
      ...(health ? { health } : {}),
      ...(body.StopSignal ? { stopSignal: body.StopSignal } : {}),
      ...(body.StopTimeout === undefined ? {} : { stopTimeoutMs: stopTimeoutMs(body.StopTimeout) }),
      ...(log ? { log } : {}),
    },
    ...(host.VolumesFrom?.length ? { volumesFrom: volumesFromOf(host.VolumesFrom) } : {}),
    hostname: body.Hostname ?? '',
    domainname: body.Domainname ?? '',
    ...networksOf(body, host),
    dns: { servers: host.Dns ?? [], search: host.DnsSearch ?? [], options: host.DnsOptions ?? [] },
    extraHosts: (host.ExtraHosts ?? []).map(extraHost),
    sysctls: host.Sysctls ?? {},
    ports: portsOf(host.PortBindings ?? {}),
    publishAll: host.PublishAllPorts ?? false,
    exposed: exposedOf(Object.keys(body.ExposedPorts ?? {})),
    restart: restartOf(host.RestartPolicy),
    autoRemove: host.AutoRemove ?? false,
    ...(cpus ? { cpus } : {}),
    ...(writableBytes ? { writableBytes } : {}),
  };
  return { draft, hostSources };
}

function refuseContradictions(host: HostBody): void {
  if (Object.hasOwn(host.Annotations ?? {}, '')) {
    throw new KraudError(
      'invalid',
      'invalid Annotations: the empty string is not permitted as an annotation key',
    );
  }
  if ((host.ShmSize ?? 0) < 0) throw new KraudError('invalid', 'SHM size can not be less than 0');
  for (const server of host.Dns ?? []) {
    if (isIP(server) === 0) throw new KraudError('invalid', `bad nameserver address: ${server}`);
  }
}

const words = (value: string | string[] | undefined): string[] | undefined =>
  typeof value === 'string' ? [value] : value;

/** An empty entrypoint switches the image's off if there is a command to run instead. */
function commandOf(body: CreateBody): { command?: string[]; args?: string[] } {
  const entrypoint = words(body.Entrypoint);
  const cmd = words(body.Cmd);
  const args = cmd && cmd.length > 0 ? cmd : undefined;
  const command = entrypoint?.length === 0 ? (args ? [''] : undefined) : entrypoint;
  return { ...(command ? { command } : {}), ...(args ? { args } : {}) };
}

export function stopTimeoutMs(seconds: number): number {
  return seconds < 0 ? -1 : seconds * 1000;
}

function extraHost(text: string): { name: string; address: string } {
  const at = /[:=]/.exec(text)?.index ?? -1;
  const name = text.slice(0, at);
  const address = text.slice(at + 1).replace(/^\[(.*)\]$/, '$1');
  if (at < 1 || (address !== 'host-gateway' && isIP(address) === 0)) {
    throw new KraudError('invalid', `bad format for add-host: "${text}"`);
  }
  return { name, address };
}

export function restartOf(policy: HostBody['RestartPolicy']): RestartPolicy {
  const name = policy?.Name || 'no';
  if (name !== 'no' && name !== 'always' && name !== 'unless-stopped' && name !== 'on-failure') {
    throw new KraudError(
      'invalid',
      `invalid restart policy: unknown policy '${name}'; use one of 'no', 'always', 'on-failure', or 'unless-stopped'`,
    );
  }
  const retriesMax = policy?.MaximumRetryCount ?? 0;
  if (retriesMax < 0) {
    throw new KraudError('invalid', 'invalid restart policy: maximum retry count cannot be negative');
  }
  return { name, retriesMax };
}
