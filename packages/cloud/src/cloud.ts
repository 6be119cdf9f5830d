import type { Cloud } from './contract.ts';
import { type EventLog, EventRecorder } from './events.ts';
import { ExecUseCases } from './execs.ts';
import { configUseCases, secretUseCases } from './files/files.ts';
import { HostUseCases } from './hosts/hosts.ts';
import { ImageFinder } from './images/find.ts';
import { ImageUseCases } from './images/images.ts';
import { ImageNames } from './images/names.ts';
import { NetworkUseCases } from './networks/networks.ts';
import type { CloudParts } from './parts.ts';
import { PodUseCases } from './pods/pods.ts';
import { QuotaUseCases } from './quotas/quotas.ts';
import { SwarmUseCases } from './swarm/swarms.ts';
import { SystemUseCases } from './system.ts';
import { VolumeUseCases } from './volumes/volumes.ts';
import { WorkloadUseCases } from './workloads/workloads.ts';

/** Puts the use cases together. */
export function createCloud(parts: CloudParts, log: EventLog): Cloud {
  const events = new EventRecorder(log);
  const finder = new ImageFinder(parts);
  const names = new ImageNames(parts);
  const images = new ImageUseCases(parts, finder, names, events);
  const volumes = new VolumeUseCases(parts, events);
  return {
    hosts: new HostUseCases(parts),
    quotas: new QuotaUseCases(parts),
    pods: new PodUseCases(parts, finder, names, events),
    execs: new ExecUseCases(parts, events),
    images,
    volumes,
    workloads: new WorkloadUseCases({ parts, images, finder }, events),
    swarms: new SwarmUseCases(parts),
    networks: new NetworkUseCases(parts, events),
    secrets: secretUseCases(parts, events),
    configs: configUseCases(parts, events),
    events,
    system: new SystemUseCases(parts, images, volumes),
  };
}
