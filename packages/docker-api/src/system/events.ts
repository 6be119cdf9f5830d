import { compactId, KraudError } from '@kraud/base';
import type { Event } from '@kraud/cloud';
import { Filters } from '../filters.ts';
import { filtersOf, type Operation, yes } from '../operation.ts';
import { parseTimeNs } from '../times.ts';
import { send } from '../wire/flow.ts';
import { NetworkEvents } from './network-events.ts';

const names = [
  'config',
  'container',
  'daemon',
  'event',
  'image',
  'label',
  'network',
  'node',
  'plugin',
  'scope',
  'secret',
  'service',
  'type',
  'volume',
];

export const getEvents: Operation = {
  method: 'GET',
  path: '/events',
  params: { since: yes('text'), until: yes('text'), filters: filtersOf(...names) },
  async run({ events, networks }, call) {
    const { query, signal } = call;
    const filters = Filters.parse(query.text('filters'), names);
    const nowMs = call.serving.clock.now();
    const since = query.text('since');
    const until = query.text('until');
    const range = {
      // With an end and no beginning: all that is kept, up to there.
      ...(since === '' && until === '' ? {} : { sinceNs: parseTimeNs(since || '0', 'since', nowMs) }),
      ...(until === '' ? {} : { untilNs: parseTimeNs(until, 'until', nowMs) }),
    };
    if (range.sinceNs !== undefined && range.untilNs !== undefined && range.sinceNs > range.untilNs) {
      throw new KraudError('invalid', `\`since\` time (${since}) cannot be after \`until\` time (${until})`);
    }
    const stream = events.stream(call.caller, range, signal)[Symbol.asyncIterator]();
    // Asked for before the headers go: clients take those as the sign that nothing is missed from here on.
    let next = stream.next();
    next.catch(() => {});
    const res = call.open('application/json');
    const ofNetworks = new NetworkEvents();
    try {
      for (let item = await next; !item.done; item = await next) {
        const event = await ofNetworks.shown(item.value, () => networks.list(call.caller));
        if (matches(event, filters)) await send(res, `${JSON.stringify(messageOf(event))}\n`);
        next = stream.next();
      }
    } finally {
      void stream.return?.();
    }
    res.end();
  },
};

function messageOf({ spec }: Event): Record<string, unknown> {
  const timeNano = BigInt(spec.timeNano);
  const legacy = spec.type === 'container' || spec.type === 'image';
  return {
    ...(legacy
      ? {
          status: spec.action,
          id: spec.actor,
          ...(spec.attributes.image ? { from: spec.attributes.image } : {}),
        }
      : {}),
    Type: spec.type,
    Action: spec.action,
    Actor: { ID: shownActor(spec), Attributes: spec.attributes },
    scope: scopeOf(spec.type),
    time: Number(timeNano / 1_000_000_000n),
    // A 64-bit number, as Docker sends it; JavaScript's nearest one is some hundred nanoseconds off.
    timeNano: Number(timeNano),
  };
}

/** Things that every node of a swarm knows. */
const shared = ['service', 'node', 'secret', 'config'];

const shownActor = ({ type, actor }: Event['spec']): string =>
  shared.includes(type) ? compactId(actor) : actor;

const scopeOf = (type: string): string => (shared.includes(type) ? 'swarm' : 'local');

export function matches({ spec }: Event, filters: Filters): boolean {
  const { type, action, attributes } = spec;
  const actor = shownActor(spec);
  const about = (kind: string, ...more: (string | undefined)[]): boolean =>
    !filters.has(kind) ||
    (type === kind && filters.some(kind, (value) => actor.startsWith(value) || more.includes(value)));
  const bare = (image: string): string => image.replace(/:[^/:]*$/, '');
  const image = type === 'image' ? actor : (attributes.image ?? '');
  return (
    filters.exact('type', type) &&
    filters.some('event', (value) => action === value || action.startsWith(`${value}:`)) &&
    filters.exact('scope', scopeOf(type)) &&
    filters.labels(attributes) &&
    about('container', attributes.name) &&
    about('volume', attributes.name) &&
    about('network', attributes.name) &&
    ['daemon', 'plugin', 'service', 'node', 'secret', 'config'].every((kind) =>
      about(kind, attributes.name),
    ) &&
    filters.some('image', (value) => [image, bare(image), attributes.name].includes(value))
  );
}
