import { KraudError } from '@kraud/base';
import type { CreateBody, HostBody } from '../../containers/draft/body.ts';
import type { AttachmentBody, ContainerSpecBody, TaskBody } from '../body.ts';
import { msOf } from './durations.ts';
import { genericEnv, genericOf } from './generic.ts';

const nanoCpusMin = 1_000_000;

/**
 * The `create` body of a task's container: what dockerd makes of a task on its node. So a service's options mean what
 * the same options of `docker run` mean, and `docker inspect` of a task shows them.
 */
export function containerBodyOf(
  body: TaskBody,
  networks: readonly AttachmentBody[],
  serviceName: string,
): CreateBody {
  const spec = body.ContainerSpec ?? {};
  const graceMs = msOf('StopGracePeriod', spec.StopGracePeriod);
  return {
    Image: spec.Image ?? '',
    ...given('Hostname', spec.Hostname),
    ...given('User', spec.User),
    ...given('Env', envOf(spec, body)),
    ...given('Cmd', spec.Args),
    ...given('Entrypoint', spec.Command),
    ...given('WorkingDir', spec.Dir),
    Labels: spec.Labels ?? {},
    Tty: spec.TTY ?? false,
    OpenStdin: spec.OpenStdin ?? false,
    ...given('StopSignal', spec.StopSignal),
    ...given('StopTimeout', graceMs === undefined ? undefined : Math.ceil(graceMs / 1000)),
    ...given('Healthcheck', spec.Healthcheck),
    HostConfig: hostBodyOf(spec, body, networks),
    ...(networks.length > 0
      ? { NetworkingConfig: { EndpointsConfig: endpointsOf(networks, serviceName) } }
      : {}),
  };
}

function envOf({ Env: env }: ContainerSpecBody, { Resources: resources }: TaskBody): string[] | undefined {
  const told = genericEnv(genericOf(resources?.Reservations?.GenericResources));
  return told.length > 0 ? [...(env ?? []), ...told] : env;
}

function hostBodyOf(spec: ContainerSpecBody, body: TaskBody, networks: readonly AttachmentBody[]): HostBody {
  const { Limits: limits = {}, Reservations: reserved = {} } = body.Resources ?? {};
  const dns = spec.DNSConfig ?? {};
  for (const nano of [limits.NanoCPUs ?? 0, reserved.NanoCPUs ?? 0]) {
    if (nano !== 0 && nano < nanoCpusMin) {
      throw new KraudError(
        'invalid',
        `invalid cpu value ${nano / 1e9}: Must be at least ${nanoCpusMin / 1e9}`,
      );
    }
  }
  return {
    ...given('NetworkMode', networks[0]?.Target),
    ...given('NanoCpus', limits.NanoCPUs),
    ...given('Memory', limits.MemoryBytes),
    ...given('PidsLimit', limits.Pids),
    ...given('MemoryReservation', reserved.MemoryBytes),
    ...given('Ulimits', spec.Ulimits),
    ...given('Mounts', spec.Mounts),
    ...given('Dns', dns.Nameservers),
    ...given('DnsSearch', dns.Search),
    ...given('DnsOptions', dns.Options),
    ...given('ExtraHosts', spec.Hosts?.flatMap(hostLines)),
    ...given('CapAdd', spec.CapabilityAdd),
    ...given('CapDrop', spec.CapabilityDrop),
    ...given('GroupAdd', spec.Groups),
    ...given('Sysctls', spec.Sysctls),
    ...given('Init', spec.Init),
    ...given('OomScoreAdj', spec.OomScoreAdj),
    ReadonlyRootfs: spec.ReadOnly ?? false,
    ...(spec.Privileges?.NoNewPrivileges ? { SecurityOpt: ['no-new-privileges'] } : {}),
    ...(body.LogDriver
      ? { LogConfig: { Type: body.LogDriver.Name ?? '', Config: body.LogDriver.Options ?? {} } }
      : {}),
  };
}

/** Tasks answer to the name of their service on each of its networks; those that every daemon has know no names. */
function endpointsOf(
  networks: readonly AttachmentBody[],
  serviceName: string,
): Record<string, { Aliases: string[] }> {
  return Object.fromEntries(
    networks.map(({ Target: target = '', Aliases: aliases = [] }) => [
      target,
      { Aliases: target === 'default' ? aliases : [...new Set([serviceName, ...aliases])] },
    ]),
  );
}

/** As in `/etc/hosts`: an address, then its names. */
function hostLines(line: string): string[] {
  const [address = '', ...names] = line.split(/\s+/).filter((part) => part !== '');
  if (names.length === 0) throw new KraudError('invalid', `invalid host mapping ${line}`);
  return names.map((name) => `${name}:${address}`);
}

function given<K extends string, V>(name: K, value: V | undefined): { [N in K]?: V } {
  return value === undefined ? {} : ({ [name]: value } as { [N in K]?: V });
}
