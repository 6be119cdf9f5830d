import { KraudError } from '@kraud/base';
import type { PlaceDraft } from '@kraud/cloud';

type Link = NonNullable<PlaceDraft['links']>[number];

/**
 * Links as clients write them.
 *
 * | text               | to     | alias  |
 * | ------------------ | ------ | ------ |
 * | `db:store`         | `db`   | `store` |
 * | `db`               | `db`   | `db`   |
 * | `/db:/web/store`   | `db`   | `store`, as inspect shows it |
 */
export function linksOf(texts: readonly string[]): Link[] {
  return texts.map((text) => {
    const parts = text.split(':');
    const [ref = '', alias = ref] = parts;
    if (ref === '' || alias === '' || parts.length > 2) {
      throw new KraudError('invalid', `bad format for links: ${text}`);
    }
    return {
      ref: ref.replace(/^\//, ''),
      alias: alias.startsWith('/') ? (alias.split('/').at(-1) ?? '') : alias,
    };
  });
}
