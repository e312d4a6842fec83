//! nginx with the smallest configuration that names its server.

use std::fs;
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::path::Path;
use std::time::Duration;

use super::process::Process;
use super::wait::wait_until;
use super::{Namespace, Result};

#[derive(Debug)]
pub struct WebServer {
    process: Process,
}

impl WebServer {
    /// Listens on port 80 of every address; `GET /` answers 200 and `name`, and each connection
    /// carries one request.
    pub fn start(ns: &Namespace, name: &str, dir: &Path) -> Result<Self> {
        let dir = dir.join(format!("nginx-{name}"));
        fs::create_dir_all(&dir)?;
        let config = dir.join("nginx.conf");
        fs::write(&config, configuration(name, &dir))?;
        let args = [
            "-c".as_ref(),
            config.as_os_str(),
            "-e".as_ref(),
            "stderr".as_ref(),
        ];
        let process = Process::spawn(ns, name, "nginx", &args)?;
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, 80));
        wait_until("nginx to listen", Duration::from_secs(5), || {
            let connect = || TcpStream::connect_timeout(&address, Duration::from_millis(200));
            matches!(ns.enter(connect), Ok(Ok(_)))
        })?;
        Ok(Self { process })
    }

    /// Dies without a word to anybody; the kernel refuses from then on.
    pub fn kill(mut self) {
        self.process.kill_tree();
    }
}

fn configuration(name: &str, dir: &Path) -> String {
    let dir = dir.display();
    format!(
        "pid {dir}/pid;\n\
         error_log stderr warn;\n\
         user root;\n\
         daemon off;\n\
         worker_processes 1;\n\
         events {{ worker_connections 4096; }}\n\
         http {{\n\
           access_log off;\n\
           keepalive_timeout 0;\n\
           client_body_temp_path {dir}/body;\n\
           proxy_temp_path {dir}/proxy;\n\
           fastcgi_temp_path {dir}/fastcgi;\n\
           uwsgi_temp_path {dir}/uwsgi;\n\
           scgi_temp_path {dir}/scgi;\n\
           server {{\n\
             listen 80 backlog=4096;\n\
             location / {{ default_type text/plain; return 200 '{name}\\n'; }}\n\
           }}\n\
         }}\n"
    )
}
