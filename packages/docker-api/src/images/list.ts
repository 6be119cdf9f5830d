import type { Caller, Cloud, ImageView } from '@kraud/cloud';
import type { Call } from '../call.ts';
import { Filters } from '../filters.ts';
import { referenceMatcher } from '../image-names.ts';
import { filtersOf, type Operation, partly, yes } from '../operation.ts';
import { isoToNs, parseTimeNs } from '../times.ts';
import { imageSummary } from './show.ts';

const names = ['dangling', 'label', 'label!', 'before', 'since', 'reference', 'until'];

export const listImages: Operation = {
  method: 'GET',
  path: '/images/json',
  params: {
    all: partly('flag', 'there are no intermediate images, so it changes nothing'),
    filters: filtersOf(...names),
    'shared-size': yes('flag'),
    digests: partly('flag', 'digests are always there'),
    manifests: partly('flag', 'an image has one, which is not listed, as with dockerd’s own image store'),
    filter: { kind: 'text', support: 'yes', note: 'a name, as before API 1.41' },
  },
  async run({ images, system }, call) {
    const views = await images.list(call.caller);
    const { matches, named } = await imageMatcher(images, call);
    const shared = call.query.flag('shared-size') ? await sharedBytes(system, call.caller) : undefined;
    const chosen = views
      .filter(matches)
      .sort((a, b) => Date.parse(b.facts.createdAt) - Date.parse(a.facts.createdAt));
    const users = await Promise.all(
      chosen.map(async ({ facts }) =>
        call.minor < 51 ? -1 : (await images.users(call.caller, facts.id)).length,
      ),
    );
    call.json(
      200,
      chosen.map((view, i) =>
        imageSummary(named(view), call.minor, {
          containers: users[i] ?? -1,
          sharedBytes: shared?.get(view.facts.id) ?? -1,
        }),
      ),
    );
  },
};

async function sharedBytes(system: Cloud['system'], caller: Caller): Promise<Map<string, number>> {
  const usage = await system.usage(caller);
  return new Map(usage.images.map(({ view, sharedBytes: bytes }) => [view.facts.id, bytes]));
}

/** Which images are wanted and, as with dockerd, only those of their names that a `reference` asks for. */
async function imageMatcher(
  images: Cloud['images'],
  call: Call,
): Promise<{ matches: (view: ImageView) => boolean; named: (view: ImageView) => ImageView }> {
  const { query, caller } = call;
  const filters = Filters.parse(query.text('filters'), names);
  const createdMs = async (name: 'before' | 'since'): Promise<number[]> =>
    await Promise.all(
      filters.get(name).map(async (ref) => Date.parse((await images.get(caller, ref)).facts.createdAt)),
    );
  const [before, since] = [await createdMs('before'), await createdMs('since')];
  const nowMs = call.serving.clock.now();
  const untils = filters.get('until').map((text) => parseTimeNs(text, 'until', nowMs));
  const dangling = filters.flag('dangling');
  const bare = query.text('filter');
  const patterns = [...filters.get('reference'), ...(bare === '' ? [] : [bare])].map(referenceMatcher);
  const wanted = (name: string): boolean =>
    patterns.length === 0 || patterns.some((matches) => matches(name));
  const named = (view: ImageView): ImageView => {
    const { spec } = view.image;
    const names = { tags: spec.tags.filter(wanted), digests: spec.digests.filter(wanted) };
    return { ...view, image: { ...view.image, spec: { ...spec, ...names } } };
  };
  const matches = ({ image, facts }: ImageView): boolean => {
    const full = [...image.spec.tags, ...image.spec.digests];
    const at = Date.parse(facts.createdAt);
    return (
      (dangling === undefined || dangling === (image.spec.tags.length === 0)) &&
      filters.labels(facts.config.labels ?? {}) &&
      before.every((ms) => at < ms) &&
      since.every((ms) => at > ms) &&
      untils.every((until) => isoToNs(facts.createdAt) < until) &&
      (patterns.length === 0 || full.some(wanted))
    );
  };
  return { matches, named };
}
