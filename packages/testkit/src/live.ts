/** Marks an object whose methods reach into the world: `crashable` cuts them off. */
export const live = Symbol('live');

/** Passed before and after every call out of a daemon; after a crash nothing passes any more. */
export class CrashPoint {
  #left: number;
  #crashed = false;
  #onCrash: () => void = () => {};
  readonly crashed: Promise<void>;
  /** Points passed so far. */
  passed = 0;

  /** Crashes at the n-th point; never, when absent. */
  constructor(afterPoints = Number.POSITIVE_INFINITY) {
    this.#left = afterPoints;
    this.crashed = new Promise((resolve) => {
      this.#onCrash = resolve;
    });
  }

  get isCrashed(): boolean {
    return this.#crashed;
  }

  crash(): void {
    this.#crashed = true;
    this.#onCrash();
  }

  /** Whether the daemon still lives at this point. */
  pass(): boolean {
    this.passed += 1;
    this.#left -= 1;
    if (this.#left <= 0) this.crash();
    return !this.#crashed;
  }
}

type Method = (...args: unknown[]) => unknown;

const never = new Promise<never>(() => {});

/**
 * The same object for a daemon that may be killed: once `point` has crashed, no call begins any more, and none
 * that was under way ever comes back. What the world did meanwhile stays done, as after `kill -9`.
 */
export function crashable<T extends object>(target: T, point: CrashPoint): T {
  return new Proxy(target, {
    get(from, property) {
      const value: unknown = Reflect.get(from, property, from);
      if (typeof value === 'function') {
        return (...args: unknown[]) => call(value as Method, from, args, point);
      }
      if (value instanceof Promise) return gated(value, point);
      return isLive(value) ? crashable(value, point) : value;
    },
  });
}

function call(
  method: (...args: unknown[]) => unknown,
  self: object,
  args: unknown[],
  point: CrashPoint,
): unknown {
  const isAsync = method.constructor.name === 'AsyncFunction';
  if (!point.isCrashed && isAsync) point.pass();
  if (point.isCrashed) return isAsync ? never : dead(self, method, args);
  const guarded = args.map((arg) =>
    typeof arg === 'function' ? (...inner: unknown[]) => (point.isCrashed ? undefined : arg(...inner)) : arg,
  );
  const result = method.apply(self, guarded);
  if (result instanceof Promise) return gated(result, point);
  return isLive(result) ? crashable(result, point) : result;
}

/** Plain reads of a dead daemon still answer, so that its last steps end in a call that doesn't. */
function dead(self: object, method: Method, args: unknown[]): unknown {
  const result = method.apply(self, args);
  return result instanceof Promise ? never : result;
}

async function gated(promise: Promise<unknown>, point: CrashPoint): Promise<unknown> {
  try {
    const value = await promise;
    if (!point.pass()) return await never;
    return isLive(value)
      ? crashable(value, point)
      : Array.isArray(value)
        ? value.map((item) => (isLive(item) ? crashable(item, point) : item))
        : value;
  } catch (error) {
    if (!point.pass()) return await never;
    throw error;
  }
}

function isLive(value: unknown): value is object {
  return typeof value === 'object' && value !== null && live in value;
}
