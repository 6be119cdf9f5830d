import type { Random } from '@kraud/base';
import type { Store } from '../store/contract.ts';

/** A store as a process sees it that dies at its `writes`-th write: that one may be applied, and no answer comes. */
export function dyingStore(store: Store, writes: number, random: Random, died: () => void): Store {
  let left = writes;
  const never = new Promise<never>(() => {});
  return new Proxy(store, {
    get: (target, name) => {
      const value: unknown = Reflect.get(target, name, target);
      if (typeof value !== 'function') return value;
      return (...args: unknown[]): unknown => {
        if (left < 0) return never;
        if (name === 'txn') left -= 1;
        if (left >= 0) return value.apply(target, args);
        if (random.below(2)) void (value.apply(target, args) as Promise<unknown>).catch(() => {});
        died();
        return never;
      };
    },
  });
}
