import { getJson } from '../client.ts';
import { version } from '../version.ts';

export async function showVersion(options: { socket: string; json: boolean }): Promise<void> {
  const daemon = await getJson(options.socket, '/version').catch(() => undefined);
  if (options.json) {
    console.log(
      JSON.stringify({
        kra: version,
        daemon: daemon?.Version ?? null,
        api: daemon?.ApiVersion ?? null,
      }),
    );
    return;
  }
  console.log(`kra      ${version}`);
  console.log(
    daemon ? `kraudd   ${daemon.Version} (Docker API ${daemon.ApiVersion})` : 'kraudd   not running',
  );
}
