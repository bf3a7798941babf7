// Node-RED as it is installed, but it asks nobody about updates and installs nothing.
module.exports = {
    flowFile: 'flows.json',
    uiHost: '127.0.0.1',
    uiPort: 1880,
    credentialSecret: 'for the test',
    telemetry: { enabled: false, updateNotification: false },
    diagnostics: { enabled: false, ui: false },
    externalModules: { autoInstall: false, palette: { allowInstall: false }, modules: { allowInstall: false } },
    editorTheme: { tours: false, projects: { enabled: false } },
    logging: { console: { level: 'info', metrics: false, audit: false } }
};
