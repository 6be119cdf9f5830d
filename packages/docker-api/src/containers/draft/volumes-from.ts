import { KraudError } from '@kraud/base';
import type { PodDraft } from '@kraud/cloud';

/** `box`, `box:ro`, `box:rw`; labels of SELinux change nothing on a host without it. */
export function volumesFromOf(texts: readonly string[]): NonNullable<PodDraft['volumesFrom']> {
  return texts.map((text) => {
    const at = text.indexOf(':');
    const ref = at < 0 ? text : text.slice(0, at);
    const modes = at < 0 ? [] : text.slice(at + 1).split(',');
    if (ref === '') throw new KraudError('invalid', `invalid volumes-from: '${text}' names no container`);
    const wrong = modes.find((mode) => !['ro', 'rw', 'z', 'Z'].includes(mode));
    if (wrong !== undefined) throw new KraudError('invalid', `invalid mode: ${wrong}`);
    return { ref, readOnly: modes.includes('ro') };
  });
}
