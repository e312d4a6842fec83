//! The keywords of keepalived 2.4.3 by name: each must be known where it belongs.

/// A block, and the names it knows.
pub(super) const KEEPALIVED: &[(&str, &str)] = &[
    (
        "",
        "global_defs static_ipaddress static_routes static_rules track_group vrrp_sync_group \
         garp_group linkbeat_interfaces vrrp_instance vrrp_script vrrp_track_process track_file \
         vrrp_track_file interface_up_down_delays bfd_instance SSL virtual_server_group \
         virtual_server net_namespace net_namespace_ipvs namespace_with_ipsets use_pid_dir \
         instance child_wait_time linkbeat_use_polling",
    ),
    (
        "global_defs",
        "router_id notification_email notification_email_from smtp_server smtp_helo_name \
         smtp_connect_timeout smtp_alert smtp_alert_vrrp smtp_alert_checker no_email_faults \
         no_checker_emails checker_log_all_failures script_user enable_script_security \
         set_supplementary_groups use_symlink_paths startup_script shutdown_script \
         startup_script_timeout shutdown_script_timeout process_names process_name \
         vrrp_process_name checker_process_name lvs_process_name bfd_process_name umask \
         random_seed iproute_usr_dir iproute_etc_dir tmp_config_directory config_save_dir \
         data_use_instance state_dump_file stats_dump_file json_dump_file json_version \
         include_check reload_check_config reload_time_file reload_repeat reload_file \
         default_interface dynamic_interfaces disable_local_igmp vrrp_version vrrp_strict \
         vrrp_skip_check_adv_addr vrrp_mcast_group4 vrrp_mcast_group6 vrrp_garp_master_delay \
         vrrp_garp_master_repeat vrrp_garp_master_refresh vrrp_garp_master_refresh_repeat \
         vrrp_garp_lower_prio_delay vrrp_garp_lower_prio_repeat vrrp_garp_interval \
         vrrp_gna_interval vrrp_min_garp vrrp_garp_extra_if vrrp_down_timer_adverts \
         vrrp_lower_prio_no_advert vrrp_higher_prio_send_advert vrrp_owner_ignore_adverts \
         v3_checksum_as_v2 vrrp_check_unicast_src vrrp_iptables vrrp_ipsets nftables \
         nftables_priority nftables_ifindex nftables_counters vrrp_notify_fifo \
         vrrp_notify_fifo_script notify_fifo notify_fifo_script vrrp_notify_priority_changes \
         fifo_write_vrrp_states_on_reload vrrp_startup_delay vrrp_delay_after_boot \
         log_unknown_vrids vmac_prefix vmac_addr_prefix vrrp_rx_bufs_policy \
         vrrp_rx_bufs_multiplier vrrp_netlink_cmd_rcv_bufs vrrp_netlink_monitor_rcv_bufs \
         process_monitor_rcv_bufs lvs_sync_daemon lvs_timeouts lvs_flush lvs_flush_on_stop \
         rs_init_notifies nftables_ipvs nftables_ipvs_priority nftables_ipvs_start_fwmark \
         lvs_notify_fifo lvs_notify_fifo_script lvs_netlink_cmd_rcv_bufs \
         lvs_netlink_monitor_rcv_bufs vrrp_priority checker_priority bfd_priority \
         vrrp_rt_priority checker_rt_priority bfd_rt_priority vrrp_rlimit_rttime \
         checker_rlimit_rttime bfd_rlimit_rttime vrrp_no_swap checker_no_swap bfd_no_swap \
         vrrp_cpu_affinity checker_cpu_affinity bfd_cpu_affinity max_auto_priority \
         min_auto_priority_delay snmp_socket enable_traps enable_snmp_vrrp enable_snmp_keepalived \
         enable_snmp_checker enable_snmp_rfc enable_snmp_rfcv2 enable_snmp_rfcv3 \
         snmp_vs_stats_update_interval snmp_rs_stats_update_interval enable_dbus \
         dbus_service_name dbus_no_interface_name vrrp_netlink_cmd_rcv_bufs_force \
         vrrp_netlink_monitor_rcv_bufs_force process_monitor_rcv_bufs_force \
         lvs_netlink_cmd_rcv_bufs_force lvs_netlink_monitor_rcv_bufs_force vrrp_rlimit_rtime \
         checker_rlimit_rtime bfd_rlimit_rtime vrrp_vmac_garp_intvl lvs_flush_onstop",
    ),
    ("track_group", "group"),
    (
        "garp_group",
        "garp_interval gna_interval interface interfaces",
    ),
    (
        "vrrp_sync_group",
        "group track_interface track_script track_file track_process track_bfd notify_master \
         notify_backup notify_fault notify_stop notify smtp_alert global_tracking \
         sync_group_tracking_weight notify_priority_changes",
    ),
    (
        "vrrp_instance",
        "state interface virtual_router_id priority advert_int version authentication auth_hmac \
         virtual_ipaddress virtual_ipaddress_excluded no_virtual_ipaddress virtual_routes \
         virtual_rules promote_secondaries nopreempt preempt preempt_delay accept no_accept \
         strict_mode skip_check_adv_addr track_interface track_script track_file track_process \
         track_bfd dont_track_primary mcast_src_ip unicast_src_ip unicast_peer \
         unicast_fault_no_peer unicast_ttl check_unicast_src old_unicast_checksum mcast_dst_ip \
         track_src_ip vrf use_vmac vmac_xmit_base use_vmac_addr use_ipvlan native_ipv6 \
         garp_master_delay garp_master_repeat garp_master_refresh garp_master_refresh_repeat \
         garp_lower_prio_delay garp_lower_prio_repeat garp_extra_if vmac_garp_intvl \
         lower_prio_no_advert higher_prio_send_advert owner_ignore_adverts down_timer_adverts \
         timer_expired_backup thread_timer_expired v3_checksum_as_v2 debug kernel_rx_buf_size \
         linkbeat_use_polling lvs_sync_daemon_interface notify_master notify_backup notify_fault \
         notify_stop notify notify_deleted notify_master_rx_lower_pri notify_priority_changes \
         smtp_alert",
    ),
    ("authentication", "auth_type auth_pass"),
    ("auth_hmac", "key active_key time_window anti_replay mode"),
    (
        "vrrp_script",
        "script interval timeout weight rise fall user init_fail",
    ),
    ("track_file", "file weight init_file"),
    (
        "vrrp_track_process",
        "process param_match weight quorum quorum_max delay fork_delay terminate_delay \
         full_command",
    ),
    (
        "bfd_instance",
        "neighbor_ip neighbour_ip source_ip min_rx min_tx idle_tx multiplier passive ttl hoplimit \
         max_hops multihop weight vrrp checker",
    ),
    ("SSL", "password ca certificate key"),
    (
        "virtual_server",
        "delay_loop lb_algo lvs_sched lb_kind lvs_method protocol persistence_timeout \
         persistence_granularity persistence_engine ops hashed flag-1 flag-2 flag-3 sh-port \
         sh-fallback mh-port mh-fallback ip_family alpha omega quorum hysteresis quorum_up \
         quorum_down ha_suspend inhibit_on_failure sorry_server sorry_server_inhibit \
         sorry_server_lvs_method virtualhost retry delay_before_retry warmup connect_timeout \
         weight smtp_alert snmp_name real_server",
    ),
    (
        "real_server",
        "weight lvs_method uthreshold lthreshold inhibit_on_failure notify_up notify_down alpha \
         retry delay_before_retry warmup connect_timeout delay_loop smtp_alert virtualhost \
         snmp_name TCP_CHECK HTTP_GET SSL_GET SMTP_CHECK DNS_CHECK UDP_CHECK PING_CHECK \
         MISC_CHECK FILE_CHECK BFD_CHECK",
    ),
    (
        "TCP_CHECK",
        "connect_ip connect_port bindto bind_port bind_if connect_timeout fwmark retry \
         delay_before_retry warmup delay_loop alpha log_all_failures",
    ),
    (
        "HTTP_GET",
        "url virtualhost http_protocol enable_sni sni_name fast_recovery nb_get_retry connect_ip \
         connect_port bindto bind_port bind_if connect_timeout fwmark retry delay_before_retry \
         warmup delay_loop alpha log_all_failures",
    ),
    (
        "SSL_GET",
        "url virtualhost http_protocol enable_sni sni_name fast_recovery nb_get_retry \
         tls_compliant connect_ip connect_port bindto bind_port bind_if connect_timeout fwmark \
         retry delay_before_retry warmup delay_loop alpha log_all_failures",
    ),
    (
        "url",
        "path digest status_code virtualhost regex regex_no_match regex_options regex_min_offset \
         regex_max_offset regex_stack tls_compliant",
    ),
    (
        "SMTP_CHECK",
        "helo_name host connect_ip connect_port bindto bind_port bind_if connect_timeout fwmark \
         retry delay_before_retry warmup delay_loop alpha log_all_failures",
    ),
    (
        "host",
        "connect_ip connect_port bindto bind_port bind_if connect_timeout fwmark",
    ),
    (
        "DNS_CHECK",
        "type name connect_ip connect_port bindto bind_port bind_if connect_timeout fwmark retry \
         delay_before_retry warmup delay_loop alpha log_all_failures",
    ),
    (
        "UDP_CHECK",
        "payload require_reply min_reply_length max_reply_length connect_ip connect_port bindto \
         bind_port bind_if connect_timeout fwmark retry delay_before_retry warmup delay_loop \
         alpha log_all_failures",
    ),
    (
        "PING_CHECK",
        "connect_ip connect_port bindto bind_port bind_if connect_timeout fwmark retry \
         delay_before_retry warmup delay_loop alpha log_all_failures",
    ),
    (
        "MISC_CHECK",
        "misc_path misc_timeout misc_dynamic user retry delay_before_retry warmup delay_loop \
         alpha log_all_failures",
    ),
    ("FILE_CHECK", "track_file weight"),
    ("BFD_CHECK", "name alpha"),
];
