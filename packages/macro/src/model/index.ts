import type { Event } from './event.ts';
import type { Host } from './host.ts';
import type { Image } from './image.ts';
import type { Network } from './network.ts';
import type { Pod } from './pod.ts';
import type { Namespace, Tenant } from './tenancy.ts';
import type { Volume } from './volume.ts';

export * from './container.ts';
export * from './event.ts';
export * from './host.ts';
export * from './image.ts';
export * from './meta.ts';
export * from './network.ts';
export * from './pod.ts';
export * from './tenancy.ts';
export * from './volume.ts';

/** Every kind by name. */
export interface Kinds {
  Pod: Pod;
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
