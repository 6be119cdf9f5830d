const inside = 8080;
const serve = `mkdir -p /www; echo hi > /www/n; exec httpd -f -p ${inside} -h /www`;

export type AppName = 'quick' | 'slow';

/** The same server, which takes its time before it listens, or doesn't. */
const commands: Record<AppName, string> = { quick: serve, slow: `sleep 2; ${serve}` };

/** What `docker create` and `docker run -d` are given. */
export function appArguments(app: AppName, name: string, port: number): string[] {
  return ['--name', name, '-m', '128m', '-p', `${port}:${inside}`, 'bench', '/bin/sh', '-c', commands[app]];
}
