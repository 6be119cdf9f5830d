import { KraudError } from '@kraud/base';
import { isPredefined } from '../networks/names.ts';
import type { CloudParts } from '../parts.ts';
import type { JoinWish } from './place.ts';

const namesShown = 3;

type Kinds = 'pods' | 'volumes' | 'networks' | 'workloads' | 'secrets' | 'configs';

/**
 * Has this host let into another cloud. Refused by name as long as it has anything of its own, but for images: what is
 * in the way is looked for again when what this answers is called, which nothing may change meanwhile.
 */
export async function joinAnother(
  parts: Pick<CloudParts, Kinds | 'place'>,
  wish: JoinWish,
): Promise<() => Promise<void>> {
  const { place } = parts;
  if (place.isShared || place.settledBy !== undefined) {
    throw new KraudError('conflict', 'this host belongs to a cloud of several hosts already');
  }
  mustBeEmpty(parts);
  const commit = await place.join(wish);
  return async () => {
    mustBeEmpty(parts);
    await commit();
  };
}

function mustBeEmpty(parts: Pick<CloudParts, Kinds>): void {
  const own: [string, readonly { meta: { name: string } }[]][] = [
    ['service', parts.workloads.everywhere()],
    ['container', parts.pods.everywhere()],
    ['volume', parts.volumes.everywhere()],
    ['network', parts.networks.everywhere().filter((network) => !isPredefined(network))],
    ['secret', parts.secrets.everywhere()],
    ['config', parts.configs.everywhere()],
  ];
  const present = own.filter(([, things]) => things.length > 0).map(([what, things]) => named(what, things));
  if (present.length === 0) return;
  throw new KraudError(
    'conflict',
    `this host has things of its own that can’t come along: ${present.join('; ')}. Remove them, ` +
      'or move the whole cloud instead: kra store migrate',
  );
}

/** `2 volumes: data, logs` */
function named(what: string, things: readonly { meta: { name: string } }[]): string {
  const names = things.slice(0, namesShown).map(({ meta }) => meta.name);
  const more = things.length > names.length ? ', …' : '';
  return `${things.length} ${what}${things.length === 1 ? '' : 's'}: ${names.join(', ')}${more}`;
}
