import { codeOf, KraudError, messageOf } from '@kraud/base';
import type { Network, PodLink, PodNetwork } from '@kraud/macro';
import type { Caller, PlaceDraft } from '../contract.ts';
import type { CloudParts } from '../parts.ts';
import { findPod } from '../pods/find.ts';
import { findNetwork, presentNetwork } from './find.ts';
import { namePattern } from './names.ts';
import { isIn } from './subnets.ts';

const aliasPattern = /^[a-zA-Z0-9_]([-a-zA-Z0-9_.]{0,253}[a-zA-Z0-9_])?$/;

/**
 * The networks of a draft, by their names, checked. Where `mayCome`, one that isn't there yet is taken by its name, as
 * dockerd takes it: the pod can't start before it has come.
 */
export function networksOf(
  parts: Pick<CloudParts, 'networks' | 'pods'>,
  caller: Caller,
  drafts: readonly PlaceDraft[],
  { mayCome = false }: { mayCome?: boolean } = {},
): PodNetwork[] {
  const networks: PodNetwork[] = [];
  for (const draft of drafts) {
    const network = asDraft(() => {
      const found = mayCome
        ? presentNetwork(parts, caller, draft.ref)
        : findNetwork(parts, caller, draft.ref);
      return found ? placeOn(parts, caller, found, draft) : placeOnNone(draft);
    });
    if (networks.some(({ name }) => name === network.name)) {
      throw new KraudError('invalid', `network ${network.name} is asked for twice`);
    }
    networks.push(network);
  }
  return networks;
}

export function networkOf(
  parts: Pick<CloudParts, 'networks' | 'pods'>,
  caller: Caller,
  draft: PlaceDraft,
): PodNetwork {
  return placeOn(parts, caller, findNetwork(parts, caller, draft.ref), draft);
}

function placeOn(
  parts: Pick<CloudParts, 'pods'>,
  caller: Caller,
  { meta, spec }: Network,
  { aliases, ipv4, links = [] }: PlaceDraft,
): PodNetwork {
  const { name } = meta;
  if (spec.driver === 'none') {
    throw new KraudError(
      'invalid',
      'container cannot be connected to multiple networks with one of the networks in private (none) mode',
    );
  }
  if (spec.driver === 'ingress') throw new KraudError('forbidden', `network ${name} not manually attachable`);
  if (name === 'default' && aliases.length > 0) {
    throw new KraudError(
      'invalid',
      'network-scoped alias is supported only for containers in user defined networks',
    );
  }
  checkAliases(aliases);
  if (name === 'default' && ipv4 !== undefined) {
    throw new KraudError(
      'invalid',
      'invalid config for network bridge: invalid endpoint settings:\nuser specified IP address is supported on user defined networks only',
    );
  }
  if (ipv4 !== undefined && spec.subnet !== undefined && !isIn(spec.subnet, ipv4)) {
    throw new KraudError(
      'invalid',
      `invalid config for network ${name}: invalid endpoint settings:\nno configured subnet contains IP address ${ipv4}`,
    );
  }
  return {
    name,
    aliases: [...new Set(aliases)],
    ...(ipv4 === undefined ? {} : { ipv4 }),
    ...(links.length > 0 ? { links: links.map((link) => linkOf(parts, caller, name, link)) } : {}),
  };
}

function placeOnNone({ ref, aliases, ipv4, links = [] }: PlaceDraft): PodNetwork {
  if (!namePattern.test(ref)) throw new KraudError('not-found', `network ${ref} not found`);
  checkAliases(aliases);
  return {
    name: ref,
    aliases: [...new Set(aliases)],
    ...(ipv4 === undefined ? {} : { ipv4 }),
    ...(links.length > 0 ? { links: links.map(nameForName) } : {}),
  };
}

function checkAliases(aliases: readonly string[]): void {
  for (const alias of aliases) {
    if (!aliasPattern.test(alias)) throw new KraudError('invalid', `invalid network alias: "${alias}"`);
  }
}

/** On a network of a user a link is a name for a name, and may come before what it leads to. */
function linkOf(
  parts: Pick<CloudParts, 'pods'>,
  caller: Caller,
  network: string,
  { ref, alias }: { ref: string; alias: string },
): PodLink {
  const { to } = nameForName({ ref, alias });
  if (network !== 'default') return { alias, to };
  try {
    return { alias, to: findPod(parts, caller, to).meta.uid };
  } catch (error) {
    throw new KraudError('invalid', `could not get container for ${to}: ${messageOf(error)}`, {
      cause: error,
    });
  }
}

function nameForName({ ref, alias }: { ref: string; alias: string }): PodLink {
  if (!aliasPattern.test(alias)) throw new KraudError('invalid', `invalid link alias: "${alias}"`);
  return { alias, to: ref.replace(/^\//, '') };
}

/** What a draft names and isn't there makes the draft wrong: `not-found` would speak of its image. */
function asDraft<T>(look: () => T): T {
  try {
    return look();
  } catch (error) {
    if (codeOf(error) !== 'not-found') throw error;
    throw new KraudError('invalid', messageOf(error), { cause: error });
  }
}
