import { Event } from './event.ts';
import { Config, Secret } from './file-source.ts';
import { Host } from './host.ts';
import { Image } from './image.ts';
import { Network } from './network.ts';
import { Pod } from './pod.ts';
import { Namespace, Tenant } from './tenancy.ts';
import { Volume } from './volume.ts';
import { Workload } from './workload.ts';

/** Every kind by name. */
export interface Kinds {
  Pod: Pod;
  Workload: Workload;
  Secret: Secret;
  Config: Config;
  Image: Image;
  Volume: Volume;
  Network: Network;
  Host: Host;
  Namespace: Namespace;
  Tenant: Tenant;
  Event: Event;
}
export type Kind = keyof Kinds;
export type Resource = Kinds[Kind];

/** The schema that each kind is checked against before it is written. */
export const schemas = {
  Pod,
  Workload,
  Secret,
  Config,
  Image,
  Volume,
  Network,
  Host,
  Namespace,
  Tenant,
  Event,
};
export const kindNames = Object.keys(schemas) as readonly Kind[];
