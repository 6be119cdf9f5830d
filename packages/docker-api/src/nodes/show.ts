import { createHash } from 'node:crypto';
import { isDeepStrictEqual } from 'node:util';
import type { CloudCa, GenericResource, Host } from '@kraud/cloud';
import { shownGeneric } from '../services/draft/generic.ts';
import { swarmId } from '../swarm/ids.ts';
import { addressOf, ipOf } from '../swarm/show.ts';
import { nodeTlsInfo } from '../swarm/tls-info.ts';
import { shownAvailability } from './availability.ts';

const machine: Record<string, string> = { amd64: 'x86_64', arm64: 'aarch64' };
const nanoPerCpu = 1e9;
const indexDigits = 12;

/**
 * Stands for what a client may change of a node, as a number below 2^48. The store's revision would not do: it rises with
 * every heartbeat.
 */
export function versionOf({ spec, meta }: Host): number {
  const labels = Object.entries(meta.labels).sort();
  const digest = createHash('sha256')
    .update(JSON.stringify([spec, labels]))
    .digest('hex');
  return Number.parseInt(digest.slice(0, indexDigits), 16);
}

/** A node as Docker's API shows it. The oldest manager that is ready counts as the leader. */
export function nodeOf(host: Host, all: readonly Host[], ca: CloudCa | undefined): Record<string, unknown> {
  const { meta, spec, status } = host;
  const generic = genericOffers(host);
  return {
    ID: swarmId(host),
    Version: { Index: versionOf(host) },
    CreatedAt: meta.createdAt,
    UpdatedAt: status.heartbeatAt,
    Spec: {
      Labels: meta.labels,
      Role: spec.manager ? 'manager' : 'worker',
      Availability: shownAvailability(host),
    },
    Description: {
      Hostname: meta.name,
      Platform: { Architecture: machine[status.architecture] ?? status.architecture, OS: 'linux' },
      Resources: {
        NanoCPUs: status.cpus * nanoPerCpu,
        MemoryBytes: status.memoryBytes,
        ...(generic.length > 0 ? { GenericResources: shownGeneric(generic) } : {}),
      },
      Engine: {
        EngineVersion: status.version ?? '',
        Plugins: [
          { Type: 'Log', Name: 'json-file' },
          { Type: 'Log', Name: 'local' },
          { Type: 'Network', Name: 'bridge' },
          { Type: 'Network', Name: 'overlay' },
          { Type: 'Volume', Name: 'local' },
        ],
      },
      TLSInfo: nodeTlsInfo(host, ca),
    },
    Status: {
      State: status.ready ? 'ready' : 'down',
      Message: status.ready ? '' : 'heartbeat failure',
      Addr: ipOf(host),
    },
    ...(spec.manager
      ? {
          ManagerStatus: {
            Leader: isDeepStrictEqual(leader(all)?.meta, meta),
            Reachability: status.ready ? 'reachable' : 'unreachable',
            Addr: addressOf(host),
          },
        }
      : {}),
  };
}

const genericPrefix = 'kr.generic.';

/** What the host says it has by its labels. */
function genericOffers({ meta }: Host): GenericResource[] {
  return Object.entries(meta.labels).flatMap(([label, text]): GenericResource[] => {
    if (!label.startsWith(genericPrefix)) return [];
    const kind = label.slice(genericPrefix.length);
    if (/^\d+$/.test(text)) return Number(text) > 0 ? [{ kind, count: Number(text) }] : [];
    return text.split(',').flatMap((name) => (name === '' ? [] : [{ kind, count: 1, name }]));
  });
}

function leader(all: readonly Host[]): Host | undefined {
  const managers = all.filter(({ spec, status }) => spec.manager && status.ready);
  return managers.sort((a, b) => (a.meta.createdAt < b.meta.createdAt ? -1 : 1))[0];
}
