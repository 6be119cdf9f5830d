import findMyWay from 'find-my-way';
import type { Node } from './body/tree.ts';
import { treeOf } from './body/tree.ts';
import type { Operation } from './operation.ts';

export interface Route {
  readonly operation: Operation;
  readonly tree: Node | undefined;
}

export interface Match extends Route {
  readonly params: Readonly<Record<string, string | undefined>>;
}

/** Routes whose name may hold slashes, told apart by what follows it. */
interface Suffixes {
  readonly param: string;
  readonly bySuffix: Map<string, Route>;
}

const pathCharsMax = 4096;

/** Finds the operation of a request. Made once. */
export class Routes {
  readonly #router = findMyWay({ maxParamLength: pathCharsMax, ignoreTrailingSlash: true });

  constructor(operations: readonly Operation[]) {
    const wild = new Map<string, Suffixes>();
    const nothing = (): void => {};
    for (const operation of operations) {
      const route: Route = { operation, tree: operation.body ? treeOf(operation.body) : undefined };
      const split = /^(.*)\/:(\w+)\+(\/\w+)?$/.exec(operation.path);
      if (!split) {
        this.#router.on(operation.method, operation.path, nothing, route);
        continue;
      }
      const [, prefix = '', param = '', suffix = ''] = split;
      const key = `${operation.method} ${prefix}`;
      let suffixes = wild.get(key);
      if (!suffixes) {
        suffixes = { param, bySuffix: new Map() };
        wild.set(key, suffixes);
        this.#router.on(operation.method, `${prefix}/*`, nothing, suffixes);
      }
      suffixes.bySuffix.set(suffix, route);
    }
  }

  find(method: string, path: string): Match | undefined {
    const found = this.#router.find(method as 'GET', path);
    if (!found) return undefined;
    const store = found.store as Route | Suffixes;
    if ('operation' in store) return { ...store, params: found.params };
    const rest = found.params['*'] ?? '';
    const at = rest.lastIndexOf('/');
    const route = (at > 0 ? store.bySuffix.get(rest.slice(at)) : undefined) ?? store.bySuffix.get('');
    if (!route || rest === '') return undefined;
    const name = store.bySuffix.get('') === route ? rest : rest.slice(0, at);
    return { ...route, params: { [store.param]: name } };
  }
}
