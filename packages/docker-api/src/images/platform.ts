import { KraudError } from '@kraud/base';
import type { ImageView } from '@kraud/cloud';
import type { Call } from '../call.ts';
import { partly } from '../operation.ts';

/** An image has one platform here: asking for that one changes nothing, and no other can be had. */
export const ownPlatform = partly('text', 'JSON with `os` and `architecture`; the image’s own');

interface Platform {
  readonly os: string;
  readonly architecture: string;
  readonly variant: string;
}

const show = ({ os, architecture, variant }: Platform): string =>
  [os, architecture, variant].filter((part) => part !== '').join('/');

/** Undefined for ''. */
export function platformFrom(text: string): Platform | undefined {
  if (text === '') return undefined;
  let fields: unknown;
  try {
    fields = JSON.parse(text);
  } catch {
    throw new KraudError('invalid', 'failed to parse platform: it is not JSON');
  }
  const field = (name: string): string => {
    const value: unknown = typeof fields === 'object' && fields !== null ? Reflect.get(fields, name) : '';
    return typeof value === 'string' ? value.toLowerCase() : '';
  };
  const [os, architecture, variant] = [field('os'), field('architecture'), field('variant')];
  if (os === '' || architecture === '')
    throw new KraudError('invalid', 'both OS and Architecture must be provided');
  return { os, architecture, variant };
}

/** Refuses a platform in the query that isn't the image's. */
export function checkPlatform(call: Call, ref: string, { facts }: ImageView, name = 'platform'): void {
  for (const wanted of call.query.list(name).map(platformFrom)) {
    if (!wanted) continue;
    const fits =
      wanted.os === facts.os &&
      wanted.architecture === facts.architecture &&
      (wanted.variant === '' || facts.variant === '' || wanted.variant === facts.variant);
    if (fits) continue;
    throw new KraudError(
      'not-found',
      `image with reference ${ref} was found but its platform (${show(facts)}) does not match the specified platform (${show(wanted)})`,
    );
  }
}
