import type { Host, Pod, PublishedPort, Volume } from '../model/index.ts';
import type { Observed } from './contract.ts';
import { type Demand, demandOf, isLeaving, type Room, volumesOf, weighs } from './demand.ts';
import { HostClasses } from './host-class.ts';
import { factOf } from './host-rules.ts';
import { type SchedulerLimits, schedulerDefaults } from './limits.ts';
import { Neighbours } from './neighbours.ts';
import { type Habit, keptFor, nextHabit } from './reclaim.ts';
import { Rooms, type Weight } from './rooms.ts';
import { VolumeHomes } from './volume-homes.ts';

/** A pod that weighs on a host. */
export interface Placed extends Weight {
  readonly uid: string;
  readonly demand: Demand;
  readonly slot: number;
  readonly leaving: boolean;
  readonly habit: Habit | undefined;
}

/**
 * All that a plan rests on, kept up to date by changes instead of made anew: hosts by slot, what runs on them, and
 * the indexes by which a place is found. A plan leaves it as it was.
 */
export class Fleet {
  readonly limits: SchedulerLimits;
  readonly rooms = new Rooms();
  readonly neighbours = new Neighbours();
  readonly classes: HostClasses;
  readonly #hosts: (Host | undefined)[] = [];
  readonly #slots = new Map<string, number>();
  readonly #unused: number[] = [];
  readonly #placed = new Map<string, Placed>();
  readonly #onHost: Map<string, Placed>[] = [];
  readonly #ports = new Map<number, PublishedPort[]>();
  readonly #columns = new Map<string, (string | undefined)[]>();
  readonly #places = new Map<string, Set<string>>();
  readonly #homes = new VolumeHomes();
  /** Bound pods with volumes, by uid. */
  readonly #tied = new Map<string, Pod>();
  /** Pods on hosts that aren't here. */
  readonly #strays = new Map<string, Pod>();
  readonly #leaving = new Set<Placed>();

  constructor(limits: SchedulerLimits = schedulerDefaults) {
    this.limits = limits;
    this.classes = new HostClasses(limits);
  }

  static of(seen: Observed, limits: SchedulerLimits = schedulerDefaults, nowMs = 0): Fleet {
    const fleet = new Fleet(limits);
    const hosts = [...seen.hosts].sort((a, b) => (a.meta.name < b.meta.name ? -1 : 1));
    for (const host of hosts) fleet.setHost(host, nowMs);
    for (const volume of seen.volumes) fleet.setVolume(volume);
    for (const pod of seen.pods) fleet.setPod(pod);
    for (const host of hosts) fleet.setHost(host, nowMs);
    return fleet;
  }

  /** Hosts by slot; undefined where a slot is unused. */
  get hosts(): readonly (Host | undefined)[] {
    return this.#hosts;
  }

  get hostCount(): number {
    return this.#slots.size;
  }

  slotOf(host: string): number | undefined {
    return this.#slots.get(host);
  }

  nameOf(slot: number): string {
    return this.#hosts[slot]?.meta.name ?? '';
  }

  placed(uid: string): Placed | undefined {
    return this.#placed.get(uid);
  }

  allPlaced(): Iterable<Placed> {
    return this.#placed.values();
  }

  placedOn(slot: number): ReadonlyMap<string, Placed> {
    return this.#onHost[slot] ?? new Map();
  }

  /** Pods whose room will be free soon. */
  get leaving(): ReadonlySet<Placed> {
    return this.#leaving;
  }

  portsOn(slot: number): readonly PublishedPort[] {
    return this.#ports.get(slot) ?? [];
  }

  /** The host that a volume ties a pod without a host to; undefined: none. */
  homeOf(tenant: string, volume: string): string | undefined {
    return this.#homes.of(tenant, volume, (host) => this.#slots.has(host));
  }

  /** As if the pod had been bound: its volumes are on that host from now on. Answers how to take that back. */
  tie({ pod, volumes }: Demand, host: string): () => void {
    this.#homes.claim(pod, volumes, host);
    return () => this.#homes.release(pod, volumes);
  }

  /** A fact of every host, by slot. */
  column(topology: string): readonly (string | undefined)[] {
    let column = this.#columns.get(topology);
    if (!column) {
      column = this.#hosts.map((host) => host && factOf(host, topology));
      this.#columns.set(topology, column);
    }
    return column;
  }

  /** All values of a topology. */
  places(topology: string): ReadonlySet<string> {
    let places = this.#places.get(topology);
    if (!places) {
      places = new Set(this.column(topology).filter((place) => place !== undefined));
      this.#places.set(topology, places);
    }
    return places;
  }

  setHost(host: Host, nowMs: number): void {
    const { name } = host.meta;
    const slot = this.#slots.get(name) ?? this.#unused.pop() ?? this.#hosts.length;
    const before = this.#hosts[slot];
    this.#slots.set(name, slot);
    this.#hosts[slot] = host;
    const capacity = { cpu: host.status.cpus * 1000, memory: host.status.memoryBytes };
    const had = this.rooms.capacity(slot);
    if (!before || had.cpu !== capacity.cpu || had.memory !== capacity.memory)
      this.rooms.setCapacity(slot, capacity);
    if (!before || !sameFacts(before, host)) {
      for (const [topology, column] of this.#columns) column[slot] = factOf(host, topology);
      this.#places.clear();
      this.classes.hostChanged(slot, host);
    }
    if (!before) for (const pod of this.#strays.values()) if (pod.spec.host === name) this.setPod(pod);
    if (host.status.usage) this.#measure(slot, host.status.usage, nowMs);
  }

  removeHost(name: string): void {
    const slot = this.#slots.get(name);
    if (slot === undefined) return;
    for (const placed of [...this.placedOn(slot).values()]) {
      this.take(placed);
      this.#strays.set(placed.uid, placed.demand.pod);
    }
    this.#slots.delete(name);
    this.#hosts[slot] = undefined;
    this.#unused.push(slot);
    for (const column of this.#columns.values()) column[slot] = undefined;
    this.rooms.remove(slot);
    this.#places.clear();
    this.classes.hostChanged(slot, undefined);
  }

  /** The pod as it is now, bound or not. */
  setPod(pod: Pod): void {
    const { uid } = pod.meta;
    const before = this.#placed.get(uid);
    this.#retie(uid, pod);
    const slot = pod.spec.host === undefined ? undefined : this.#slots.get(pod.spec.host);
    const stays = pod.spec.host !== undefined && weighs(pod);
    this.#strays.delete(uid);
    if (before) this.take(before);
    if (!stays) return;
    if (slot === undefined) {
      this.#strays.set(uid, pod);
      return;
    }
    const habit = before?.slot === slot && sameRun(before.demand.pod, pod) ? before.habit : undefined;
    const placed = this.weigh(pod, slot);
    this.put(habit && before ? { ...placed, habit, kept: before.kept } : placed);
  }

  removePod(uid: string): void {
    this.#retie(uid, undefined);
    this.#strays.delete(uid);
    const before = this.#placed.get(uid);
    if (before) this.take(before);
  }

  setVolume(volume: Volume): void {
    this.#homes.set(volume);
  }

  removeVolume(volume: Volume): void {
    this.#homes.remove(volume);
  }

  /** The pod as it would weigh on a host, from its first moment on. */
  weigh(pod: Pod, slot: number, demand = demandOf(pod, this.limits)): Placed {
    const { band, room } = demand;
    const leaving = pod.spec.host !== undefined && isLeaving(pod);
    return { uid: pod.meta.uid, demand, slot, band, full: room, kept: room, leaving, habit: undefined };
  }

  put(placed: Placed): void {
    this.#placed.set(placed.uid, placed);
    let onHost = this.#onHost[placed.slot];
    if (!onHost) {
      onHost = new Map();
      this.#onHost[placed.slot] = onHost;
    }
    onHost.set(placed.uid, placed);
    this.rooms.add(placed.slot, placed);
    this.neighbours.add(placed);
    if (placed.leaving) this.#leaving.add(placed);
    if (placed.demand.ports.length > 0) this.#countPorts(placed.slot);
  }

  take(placed: Placed): void {
    this.#placed.delete(placed.uid);
    this.#onHost[placed.slot]?.delete(placed.uid);
    this.rooms.subtract(placed.slot, placed);
    this.neighbours.delete(placed);
    if (placed.leaving) this.#leaving.delete(placed);
    if (placed.demand.ports.length > 0) this.#countPorts(placed.slot);
  }

  #retie(uid: string, pod: Pod | undefined): void {
    const before = this.#tied.get(uid);
    if (before) {
      this.#tied.delete(uid);
      this.#homes.release(before, volumesOf(before));
    }
    if (pod?.spec.host === undefined) return;
    const volumes = volumesOf(pod);
    if (volumes.length === 0) return;
    this.#tied.set(uid, pod);
    this.#homes.claim(pod, volumes, pod.spec.host);
  }

  #countPorts(slot: number): void {
    const ports = [...this.placedOn(slot).values()].flatMap((placed) => placed.demand.ports);
    if (ports.length > 0) this.#ports.set(slot, ports);
    else this.#ports.delete(slot);
  }

  #measure(slot: number, usage: NonNullable<Host['status']['usage']>, nowMs: number): void {
    for (const placed of [...this.placedOn(slot).values()]) {
      const use = usage[placed.uid];
      if (!use) continue;
      const room: Room = { cpu: Math.ceil(use.cpus * 1000), memory: use.memoryBytes };
      const habit = nextHabit(placed.habit, room, nowMs, this.limits);
      this.take(placed);
      this.put({ ...placed, habit, kept: keptFor(placed.full, habit, nowMs, this.limits) });
    }
  }
}

/** Whether all that rules and scores look at is the same; a heartbeat changes none of it. */
function sameFacts(a: Host, b: Host): boolean {
  if (a === b) return true;
  return (
    a.status.ready === b.status.ready &&
    a.status.architecture === b.status.architecture &&
    same(a.spec, b.spec) &&
    same(a.meta.labels, b.meta.labels) &&
    same(a.status.images, b.status.images)
  );
}

function same(a: unknown, b: unknown): boolean {
  return a === b || JSON.stringify(a) === JSON.stringify(b);
}

/** What was measured of it counts on. */
function sameRun(a: Pod, b: Pod): boolean {
  const sleeps = ({ status }: Pod): boolean => status.asleep !== undefined;
  return a.spec.run.serial === b.spec.run.serial && sleeps(a) === sleeps(b);
}
